//! The reference page of conditions: syntax, variables of each type, functions, bounds.

use std::fmt::Write as _;

use kuma_core::check::{CheckType, variables};
use kuma_expr::Variable;

const TEXT: &str = r#"# Conditions

`successCriteria.cel` holds a condition in [CEL](https://cel.dev), the Common Expression Language.
It is looked at once everything else about the answer is as expected, and must be true; otherwise
the result is `CONDITION`. Names, types and syntax are checked when the object is read.

```yaml
successCriteria:
  cel: status == 200 && json.queue.length < 100 && json.workers.exists(w, w.idle)
```

- A condition that names `status` decides on the code itself, unless `statusCodes` is set too.
- What is not there is an error, and an error is a failure: ask with `has(json.queue)` or
  `"etag" in headers` first. `&&`, `||` and `? :` only look at what they need.
- A condition that names `body`, `bodyBytes` or `json` has the whole body read, up to `maxBodyBytes`.
- Numbers with and without fraction can be mixed.

What there is: `== != < <= > >= + - * / % && || ! in`, `? :`, `[…]`, `.name`, lists, maps, and

| function | gives |
|---|---|
| `size(x)` | characters of a text, entries of a list or map |
| `x.contains(y)`, `x.startsWith(y)`, `x.endsWith(y)` | whether the text `x` does |
| `x.matches(pattern)` | whether a regular expression (RE2 syntax) matches anywhere in it |
| `int(x)`, `double(x)`, `string(x)` | the same as another type |
| `has(x.name)` | whether the map has the entry |
| `list.all(e, …)`, `.exists(e, …)`, `.exists_one(e, …)` | whether it holds for all, some, exactly one |
| `list.map(e, …)`, `list.filter(e, …)` | a new list |

Bounds: 4096 bytes, 24 nested brackets, 300 operators, and 1,000,000 steps for one answer, where
reading a text counts by its length. A condition that takes more is `CONDITION`. Times, durations
and byte strings of the language are left out.
"#;

/// The page.
pub(crate) fn page(generated: &str) -> String {
    let mut out = format!("{generated}{TEXT}");
    let common = variables(CheckType::Tcp);
    let http: Vec<_> =
        variables(CheckType::Http).into_iter().filter(|it| !common.contains(it)).collect();
    table(&mut out, "http, keyword, jsonQuery", &http);
    for check in CheckType::ALL {
        let own: Vec<_> = variables(check)
            .into_iter()
            .filter(|it| !common.contains(it) && !http.contains(it))
            .collect();
        if !own.is_empty() {
            table(&mut out, check.as_str(), &own);
        }
    }
    table(&mut out, "every type but push, group and kubernetes", &common);
    out
}

fn table(out: &mut String, title: &str, variables: &[Variable]) {
    let _ = write!(out, "\n## Variables: {title}\n\n| name | type | meaning |\n|---|---|---|\n");
    for variable in variables {
        let Variable { name, kind, meaning } = variable;
        let _ = writeln!(out, "| `{name}` | {} | {meaning} |", kind.name());
    }
}
