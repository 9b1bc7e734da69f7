//! One owner, the right settings, versions, backups.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use kuma_core::ports::{Batch, Store, StoreError};
use kuma_core::shard::ShardSet;
use kuma_store::{SqliteOptions, SqliteStore};

use super::outsider;
use crate::support::{Bench, HOUR, at, beat, enter, name, open};

#[tokio::test]
async fn a_second_opener_is_told_who_has_it() {
    let bench = Bench::new().await;
    let Err(StoreError::Locked(text)) = open(&bench.folder, &bench.clock).await else {
        panic!("opened twice");
    };
    let pid = format!("process {}", std::process::id());
    assert!(text.contains("kubekuma.db") && text.contains(&pid), "{text}");
    // Neither that nor closing another descriptor of the file loosens the lock.
    drop(std::fs::File::open(bench.path()).unwrap());
    let again = open(&bench.folder, &bench.clock).await;
    assert!(matches!(again, Err(StoreError::Locked(_))));
    bench.store.close().await.unwrap();
    open(&bench.folder, &bench.clock).await.unwrap();
}

#[tokio::test]
async fn the_file_is_private_and_set_up_for_good() {
    let bench = Bench::new().await;
    let mut other = outsider(&bench.path()).await;
    let mut pragma = async |name: &'static str| -> i64 {
        sqlx::query_scalar(name).fetch_one(&mut other).await.unwrap()
    };
    assert_eq!(pragma("PRAGMA auto_vacuum").await, 2, "incremental");
    assert_eq!(pragma("PRAGMA application_id").await, 0x4B4B_554D);
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut other).await.unwrap();
    assert_eq!(mode, "wal");
    let meta: Vec<(String, String)> =
        sqlx::query_as("SELECT key, value FROM meta WHERE key <> 'schema_version' ORDER BY key")
            .fetch_all(&mut other)
            .await
            .unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(meta, [pair("product_version", "0.1.0"), pair("shards", "64")]);
    for suffix in ["", "-wal", ".lock"] {
        let file = format!("{}{suffix}", bench.path().display());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_the_version_that_it_needs() {
    let bench = Bench::new().await;
    bench.store.close().await.unwrap();
    let mut other = outsider(&bench.path()).await;
    sqlx::raw_sql(
        "UPDATE meta SET value = '999' WHERE key = 'schema_version';
         UPDATE meta SET value = '7.1.0' WHERE key = 'product_version';",
    )
    .execute(&mut other)
    .await
    .unwrap();
    let Err(refused) = open(&bench.folder, &bench.clock).await else {
        panic!("opened a newer file");
    };
    let StoreError::TooNew { found, needs, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!((*found, needs.as_str()), (999, "7.1.0"));
}

#[tokio::test]
async fn another_programs_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new().await;
    let path = folder.path().join("kubekuma.db");
    std::fs::write(&path, b"").unwrap();
    sqlx::query("CREATE TABLE theirs (a)").execute(&mut outsider(&path).await).await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = open(&folder, &bench.clock).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(&path, b"this is no database at all, it is a letter").unwrap();
    let Err(StoreError::Damaged(text)) = open(&folder, &bench.clock).await else {
        panic!("opened a letter");
    };
    assert!(text.contains("kubekuma.db: ") && text.contains("restore a backup"), "{text}");
    std::fs::write(folder.path().join("kubekuma.db.v2.1.bak"), b"").unwrap();
    let Err(StoreError::Damaged(text)) = open(&folder, &bench.clock).await else {
        panic!("opened a letter");
    };
    assert!(text.contains("the newest beside it is kubekuma.db.v2.1.bak"), "{text}");
    let kept = std::fs::read(&path).unwrap();
    assert!(kept.starts_with(b"this is no database"), "left as it was found");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_unavailable() {
    let bench = Bench::new().await;
    let refused = SqliteStore::open(SqliteOptions {
        path: bench.folder.path().join("no/such/kubekuma.db"),
        clock: bench.clock.clone(),
        product_version: "0.1.0".to_owned(),
    })
    .await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_reader_sees_everything_beside_the_owner_and_writes_nothing() {
    let bench = Bench::new().await;
    let web = bench.monitor("web").await;
    bench
        .commit(Batch {
            heartbeats: vec![beat(web, 0, 1000), beat(web, 1000, 1000)],
            intervals: vec![enter(web, kuma_core::state::MonitorState::Up, 0)],
            durable: true,
            ..Batch::default()
        })
        .await;
    let reader = SqliteStore::open_read_only(bench.path(), bench.clock.clone());
    let reader = reader.await.unwrap();
    assert_eq!(reader.last_results(ShardSet::ALL).await.unwrap().len(), 1);
    let sums = reader.uptime(&[web], at(0), at(5000)).await.unwrap();
    assert_eq!(sums[0].up_ms, 1000);
    let hour = std::time::Duration::from_secs(3600);
    let steps = reader.latency(web, at(0), at(HOUR), hour).await.unwrap();
    assert_eq!(steps[0].count, 2);
    reader.ping().await.unwrap();
    let refused = reader.intern(&[name("new")]).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))));
    assert!(reader.vacuum().await.is_err());
    reader.close().await.unwrap();
    bench.store.close().await.unwrap();
    let reader = SqliteStore::open_read_only(bench.path(), bench.clock.clone());
    let reader = reader.await.unwrap();
    assert_eq!(reader.last_results(ShardSet::ALL).await.unwrap().len(), 1);
    let missing = bench.folder.path().join("none.db");
    let missing = SqliteStore::open_read_only(missing, bench.clock.clone()).await;
    assert!(matches!(missing, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn backups_are_whole_and_private_and_replace_nothing() {
    let bench = Bench::new().await;
    bench.store.close().await.unwrap();
    let store = Arc::new(open(&bench.folder, &bench.clock).await.unwrap());
    let id = store.intern(&[name("web")]).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join("kubekuma.db");
    store.backup(&to).await.unwrap();
    let again = store.backup(&to).await;
    assert!(matches!(again, Err(StoreError::Invalid(_))));
    let mode = std::fs::metadata(&to).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let restored = open(&copy, &bench.clock).await.unwrap();
    assert_eq!(restored.intern(&[name("web")]).await.unwrap(), id);
    let report = store.check().await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.product_version, "0.1.0");
    store.vacuum().await.unwrap();
    assert_eq!(store.intern(&[name("web")]).await.unwrap(), id);
}

#[tokio::test]
async fn what_is_forgotten_goes_back_to_the_file_system() {
    let bench = Bench::new().await;
    let web = bench.monitor("web").await;
    let body: Arc<str> = "x".repeat(8000).into();
    let wordy = (0..600)
        .map(|ms| kuma_core::ports::Heartbeat { evidence: Some(body.clone()), ..beat(web, ms, 1) });
    bench.commit(Batch { heartbeats: wordy.collect(), durable: true, ..Batch::default() }).await;
    let mut other = outsider(&bench.path()).await;
    let mut pages = async || -> i64 {
        let count = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut other);
        count.await.unwrap()
    };
    let before = pages().await;
    let keep = kuma_core::settings::RetentionSettings::default();
    let mut steps = 0;
    while bench.store.retention_step(at(400 * 24 * HOUR), keep.clone()).await.unwrap() {
        steps += 1;
        assert!(steps < 50, "retention ends");
    }
    let after = pages().await;
    assert!(before > 1200 && after < before / 2, "{before} pages, then {after}");
}

#[tokio::test]
async fn a_file_that_is_damaged_within_is_said_to_be_and_can_be_replaced_by_a_backup() {
    let bench = Bench::new().await;
    let web = bench.monitor("web").await;
    let heartbeats: Vec<_> = (0..9000).map(|ms| beat(web, ms * 1000, 1000)).collect();
    bench.commit(Batch { heartbeats, durable: true, ..Batch::default() }).await;
    bench.store.close().await.unwrap();
    let reader = SqliteStore::open_read_only(bench.path(), bench.clock.clone()).await.unwrap();
    let copy = bench.folder.path().join("copy.db");
    reader.backup(&copy).await.unwrap();
    reader.close().await.unwrap();
    let mut bytes = std::fs::read(bench.path()).unwrap();
    let pages = bytes.len() / 4096;
    for page in bytes.chunks_mut(4096).skip(pages / 2) {
        page.fill(0x5a);
    }
    std::fs::write(bench.path(), bytes).unwrap();
    let told = match open(&bench.folder, &bench.clock).await {
        Err(error) => error,
        Ok(store) => {
            let found = store.heartbeats(web, at(0), at(9_000_000), 9999).await;
            store.close().await.unwrap_or_default();
            found.unwrap_err()
        }
    };
    assert!(matches!(told, StoreError::Damaged(_)), "{told}");
    let reader = SqliteStore::open_read_only(bench.path(), bench.clock.clone()).await;
    if let Ok(reader) = reader {
        let checked = reader.check().await;
        assert!(checked.map_or(true, |report| !report.problems.is_empty()));
    }
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", bench.path().display()));
    }
    std::fs::rename(&copy, bench.path()).unwrap();
    let store = open(&bench.folder, &bench.clock).await.unwrap();
    let found = store.heartbeats(web, at(0), at(9_000_000), 9999).await.unwrap();
    assert_eq!(found.len(), 9000);
}
