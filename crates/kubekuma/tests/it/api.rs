//! Who may ask, and what happens to questions that cannot be answered.

use serde_json::json;

use crate::fixture::Site;
use crate::kit::Home;
use crate::kit::documents::{settings, web};
use crate::kit::http::get;

#[test]
fn another_host_name_is_refused_unless_the_api_is_open() {
    let (target, home) = (Site::start(), Home::new());
    home.write("all.yaml", &[settings(), web("web", &target.url("/"))]);
    let kuma = home.serve();
    for path in ["/api/v1/monitors", "/api/v1/incidents"] {
        let refused = get(kuma.port, path, "rebound.example.com").unwrap();
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.head.contains("application/problem+json"), "{refused:?}");
        assert_eq!(get(kuma.port, path, "127.0.0.1").unwrap().status, 200);
    }
    for path in ["/health", "/ready", "/metrics"] {
        assert_eq!(get(kuma.port, path, "kuma.example.com").unwrap().status, 200, "{path}");
    }
    drop(kuma);
    let kuma = home.serve_with(&["--api-open"], &[]);
    assert_eq!(get(kuma.port, "/api/v1/monitors", "kuma.example.com").unwrap().status, 200);
}

#[test]
fn questions_that_cannot_be_answered_are_problem_documents() {
    let home = Home::new();
    home.write("all.yaml", &[settings()]);
    let kuma = home.serve();
    for (path, word) in [
        ("/api/v1/monitors?colour=red", "colour"),
        ("/api/v1/monitors?limit=0", "limit"),
        ("/api/v1/monitors?limit=many", "limit"),
        ("/api/v1/monitors?cursor=a/", "cursor"),
        ("/api/v1/incidents?state=odd", "state"),
        ("/api/v1/incidents?from=yesterday", "from"),
        ("/api/v1/incidents?monitorId=", "monitorId"),
    ] {
        let answer = kuma.get(path);
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert!(answer.head.contains("application/problem+json"), "{path}: {answer:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], 400);
        assert_eq!(problem["errors"][0]["path"], word, "{path}: {problem}");
    }
    let unknown = kuma.get("/api/v1/nothing-here");
    assert_eq!(unknown.status, 404);
}

#[test]
fn pages_of_monitors_follow_their_cursor() {
    let (target, home) = (Site::start(), Home::new());
    let mut documents = vec![settings()];
    // A namespace that is the beginning of another one.
    for (namespace, name) in
        [("a", "x"), ("a", "y"), ("a", "z"), ("a-b", "x"), ("a-b", "y"), ("b", "x")]
    {
        let mut document = web(name, &target.url("/"));
        document["metadata"]["namespace"] = json!(namespace);
        documents.push(document);
    }
    home.write("all.yaml", &documents);
    let kuma = home.serve();
    for limit in 1..=6 {
        let mut names = Vec::new();
        let mut path = format!("/api/v1/monitors?limit={limit}");
        loop {
            let page = kuma.get(&path).json();
            assert_eq!(page["total"], 6);
            let items = page["items"].as_array().unwrap();
            names.extend(items.iter().map(|item| {
                format!(
                    "{}/{}",
                    item["namespace"].as_str().unwrap(),
                    item["name"].as_str().unwrap()
                )
            }));
            let Some(next) = page["nextCursor"].as_str() else {
                break;
            };
            path = format!("/api/v1/monitors?limit={limit}&cursor={next}");
        }
        assert_eq!(names, ["a/x", "a/y", "a/z", "a-b/x", "a-b/y", "b/x"], "{limit}");
    }
}
