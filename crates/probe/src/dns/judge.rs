//! What an answer means for a check. Pure.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Record;
use kuma_core::check::{DnsCheck, Rcode};
use kuma_core::reason::Reason;
use kuma_expr::Value;

use super::exchange::{Answer, Question};
use super::records::{self, Mismatch};
use crate::attempt::Verdict;
use crate::condition::Given;
use crate::fault::Fault;
use crate::words;

/// Records shown to a person.
const SHOWN: usize = 32;
/// Records named in a success message.
const NAMED: usize = 5;

/// Compares the code first, then the records of the type asked for, whoever owns them: an alias
/// leads to other names.
pub(crate) fn judge(check: &DnsCheck, question: &Question, answer: &Answer) -> Verdict {
    let message = &answer.message;
    let code = message.metadata.response_code;
    let asked = format!("{} {}", check.domain, check.record_type);
    if code != wire_code(check.rcode) {
        return Err(other_code(check.rcode, code, &asked));
    }
    let values = values(question, answer);
    if check.rcode != Rcode::Noerror {
        return Ok(format!("{asked}: {}, as expected", code_name(code)));
    }
    if values.is_empty() && (check.must_resolve || !check.expected.is_empty()) {
        return Err(Fault::target(
            Reason::DnsNoData,
            format!("{asked}: the answer has no record of this type"),
        ));
    }
    records::compare(&values, &check.expected, check.match_mode, check.record_type)
        .map_err(|mismatch| other_records(&mismatch, check, &asked))?;
    Ok(match values.len() {
        0 => format!("{asked}: NOERROR without records"),
        _ => format!("{asked}: {}", words::list(&values, NAMED)),
    })
}

/// The values of the records of the type asked for.
fn values(question: &Question, answer: &Answer) -> Vec<String> {
    asked_for(question, answer).map(|record| records::presented(&record.data)).collect()
}

fn asked_for<'a>(question: &Question, answer: &'a Answer) -> impl Iterator<Item = &'a Record> {
    let wanted = question.record_type;
    answer.message.answers.iter().filter(move |record| record.record_type() == wanted)
}

/// What a condition may look at. The answer is a fact of every result already.
pub(crate) fn given(question: &Question, answer: &Answer) -> Given {
    let ttl = asked_for(question, answer).map(|record| record.ttl).min().unwrap_or(0);
    let values = values(question, answer).into_iter().map(Value::from).collect();
    let code = code_name(answer.message.metadata.response_code);
    let values =
        [("rcode", code.into()), ("answers", Value::list(values)), ("ttl", Value::Int(ttl.into()))];
    Given::of(values, Vec::new())
}

fn other_code(expected: Rcode, code: ResponseCode, asked: &str) -> Fault {
    let name = code_name(code);
    let reason = match (expected, code) {
        (Rcode::Noerror, ResponseCode::NXDomain) => Reason::DnsNxdomain,
        (Rcode::Noerror, ResponseCode::ServFail) => Reason::DnsServfail,
        (Rcode::Noerror, ResponseCode::Refused) => Reason::DnsRefused,
        _ => Reason::DnsRcode,
    };
    Fault::target(
        reason,
        format!("{asked}: the answer is {name}, expected is {}", code_name(wire_code(expected))),
    )
}

fn other_records(mismatch: &Mismatch, check: &DnsCheck, asked: &str) -> Fault {
    let what = match mismatch {
        Mismatch::Missing(values) => format!("the answer lacks {}", words::list(values, NAMED)),
        Mismatch::NoneOf(values) => {
            format!("the answer has none of {}", words::list(values, NAMED))
        }
        Mismatch::Surplus(values) => {
            format!("the answer also has {}", words::list(values, NAMED))
        }
    };
    Fault::target(Reason::DnsMismatch, format!("{asked}: {what}"))
        .with("expected", words::list(&check.expected, SHOWN))
}

/// The whole answer for a person: code, flags, records with their owners.
pub(crate) fn facts(answer: &Answer) -> Vec<(String, String)> {
    let message = &answer.message;
    let mut facts = vec![
        ("code".to_owned(), code_name(message.metadata.response_code)),
        ("transport".to_owned(), answer.via.to_owned()),
    ];
    let sections = [("answer", &message.answers), ("authority", &message.authorities)];
    for (name, section) in sections {
        if !section.is_empty() {
            let lines: Vec<String> = section.iter().take(SHOWN).map(line).collect();
            facts.push((name.to_owned(), lines.join("\n")));
        }
    }
    if answer.ignored > 0 {
        facts.push(("messages left alone".to_owned(), answer.ignored.to_string()));
    }
    facts
}

fn line(record: &Record) -> String {
    format!(
        "{} {} {} {}",
        record.name,
        record.ttl,
        record.record_type(),
        records::presented(&record.data)
    )
}

const fn wire_code(code: Rcode) -> ResponseCode {
    match code {
        Rcode::Noerror => ResponseCode::NoError,
        Rcode::Formerr => ResponseCode::FormErr,
        Rcode::Servfail => ResponseCode::ServFail,
        Rcode::Nxdomain => ResponseCode::NXDomain,
        Rcode::Notimp => ResponseCode::NotImp,
        Rcode::Refused => ResponseCode::Refused,
    }
}

fn code_name(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => format!("code {}", u16::from(other)),
    }
}
