//! Who changed an object, as far as the API server tells: the managers of its fields.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kuma_core::observation::bounded;

use crate::client::FIELD_MANAGER;

/// The longest name of a manager that the API server takes.
const MAX_NAME: usize = 128;

/// Who wrote the newest part of an object that is not ours and no status. The API server does not
/// tell who deleted one.
pub fn actor(managers: &[ManagedFieldsEntry]) -> Option<String> {
    managers
        .iter()
        .filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty())
        .filter_map(|entry| Some((entry.time.as_ref(), entry.manager.as_deref()?)))
        .filter(|(_, manager)| !manager.is_empty() && *manager != FIELD_MANAGER)
        .max_by_key(|(time, _)| *time)
        .map(|(_, manager)| bounded(manager.to_owned(), MAX_NAME))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn entry(manager: &str, second: i64, subresource: Option<&str>) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            subresource: subresource.map(str::to_owned),
            time: Some(Time(Timestamp::from_second(second).unwrap())),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn the_newest_writer_of_the_object_is_the_actor() {
        let managers = [
            entry("argocd-controller", 10, None),
            entry("kubectl-edit", 20, None),
            entry("helm", 15, None),
        ];
        assert_eq!(actor(&managers).as_deref(), Some("kubectl-edit"));
    }

    #[test]
    fn we_and_writers_of_statuses_are_not_the_actor() {
        let managers = [
            entry("kubectl", 10, None),
            entry("kubekuma", 30, None),
            entry("someone", 40, Some("status")),
        ];
        assert_eq!(actor(&managers).as_deref(), Some("kubectl"));
        assert_eq!(actor(&managers[1..]), None);
        assert_eq!(actor(&[]), None);
    }

    #[test]
    fn a_writer_without_a_time_counts_as_the_oldest() {
        let timeless = ManagedFieldsEntry { time: None, ..entry("before", 0, None) };
        assert_eq!(actor(&[entry("flux", 1, None), timeless.clone()]).as_deref(), Some("flux"));
        assert_eq!(actor(&[timeless]).as_deref(), Some("before"));
    }
}
