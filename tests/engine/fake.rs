//! An API server in a few lines that can be told to fail: it forgets its history, expires its
//! tokens, refuses, or is away. What it stores is lists, watches, and little else.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::watch;

type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// How a listing's continue token ends.
#[derive(Clone, Copy)]
pub(crate) enum Expiry {
    /// 410, with a token for the rest, as API servers do.
    WithToken,
    /// 410, and no more.
    Bare,
}

#[derive(Default)]
pub(crate) struct State {
    version: u64,
    uids: u64,
    /// By collection, then by `namespace/name`.
    objects: BTreeMap<(String, String), Value>,
    /// Version, collection, type, object.
    log: Vec<(u64, String, &'static str, Value)>,
    compacted: u64,
    /// Continue tokens to expire.
    pub(crate) expiries: VecDeque<Expiry>,
    /// Watches to refuse with a plain 410.
    pub(crate) refused_watches: usize,
    /// Everything answers 503.
    pub(crate) away: bool,
    /// Requests of this method get no answer.
    pub(crate) hung: Option<Method>,
    /// Before this object is deleted, somebody changes it.
    pub(crate) raced: Option<String>,
    /// Deleting this object fails.
    pub(crate) undeletable: Option<String>,
    /// So does the first attempt at this one.
    pub(crate) undeletable_once: Option<String>,
    /// What was deleted, in order.
    pub(crate) deleted: Vec<String>,
    /// Method and path with query, of every request.
    pub(crate) requests: Vec<String>,
    /// The bodies of the deletions.
    pub(crate) deletions: Vec<Value>,
    pub(crate) largest_page: usize,
}

#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    /// Bumped when there are events, or watches to be cut: the number of cuts.
    cuts: watch::Sender<u64>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self { state: Arc::default(), cuts: watch::Sender::new(0) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move {
                let hung = fake.state().hung.as_ref() == Some(request.method());
                if hung {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(fake.answer(request).await)
            }
        });
        Client::new(service, "default")
    }

    /// Ends every watch that is open.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Forgets every event so far.
    pub(crate) fn compact(&self) {
        let mut state = self.state();
        state.compacted = state.version;
    }

    /// Stores an object of a collection such as `pods`, past the API.
    pub(crate) fn put(&self, collection: &str, namespace: &str, name: &str, mut object: Value) {
        object["metadata"]["namespace"] = namespace.into();
        object["metadata"]["name"] = name.into();
        self.state().store(collection, &format!("{namespace}/{name}"), object);
        self.cuts.send_modify(|_| {});
    }

    pub(crate) fn remove(&self, collection: &str, key: &str) {
        self.state().remove(collection, key);
        self.cuts.send_modify(|_| {});
    }

    pub(crate) fn names(&self, collection: &str) -> Vec<String> {
        let state = self.state();
        state.objects.keys().filter(|(of, _)| of == collection).map(|(_, key)| key.split_once('/').unwrap().1.to_owned()).collect()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.state().requests.iter().filter(|request| request.contains(what)).count()
    }

    async fn answer(&self, request: Request<Body>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let query: BTreeMap<String, String> = parts.uri.query().unwrap_or_default().split('&').filter_map(pair).collect();
        let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').skip_while(|part| !part.starts_with('v')).skip(1).collect();
        let mut state = self.state();
        state.requests.push(format!("{} {}", parts.method, decode(&parts.uri.to_string())));
        if state.away {
            return failure(503, "ServiceUnavailable", Value::Null);
        }
        let answer = match (parts.method, path.as_slice()) {
            (Method::GET, [collection] | ["namespaces", _, collection]) if query.contains_key("watch") => {
                let from = query["resourceVersion"].parse().unwrap();
                if state.refused_watches > 0 {
                    state.refused_watches -= 1;
                    return failure(410, "Expired", Value::Null);
                }
                drop(state);
                return self.watch(collection, from);
            }
            (Method::GET, [collection] | ["namespaces", _, collection]) => {
                let namespace = (path.len() == 3).then(|| path[1]);
                state.list(collection, namespace, &query)
            }
            (Method::GET, ["namespaces", namespace, collection, name]) => {
                match state.objects.get(&((*collection).to_owned(), format!("{namespace}/{name}"))) {
                    Some(object) => success(object),
                    None => failure(404, "NotFound", Value::Null),
                }
            }
            (Method::POST, ["namespaces", namespace, collection]) => {
                let key = format!("{namespace}/{}", body["metadata"]["name"].as_str().unwrap());
                let mut object = body;
                object["status"] = json!({ "phase": "pending" });
                object["metadata"]["namespace"] = (*namespace).into();
                if state.objects.contains_key(&((*collection).to_owned(), key.clone())) {
                    return failure(409, "AlreadyExists", Value::Null);
                }
                success(&state.store(collection, &key, object))
            }
            (Method::PATCH, ["namespaces", namespace, collection, name, "status"]) => {
                let key = format!("{namespace}/{name}");
                let mut object = state.objects[&((*collection).to_owned(), key.clone())].clone();
                for (field, value) in body["status"].as_object().unwrap() {
                    object["status"][field] = value.clone();
                }
                success(&state.store(collection, &key, object))
            }
            (Method::DELETE, ["namespaces", namespace, collection, name]) => state.delete(collection, &format!("{namespace}/{name}"), body),
            _ => failure(404, "NotFound", Value::Null),
        };
        drop(state);
        self.cuts.send_modify(|_| {});
        answer
    }

    fn watch(&self, collection: &str, from: u64) -> Response<Answer> {
        let (fake, collection, mut cuts) = (self.clone(), collection.to_owned(), self.cuts.subscribe());
        let cut = *cuts.borrow_and_update();
        let events = stream::unfold(Some((from, cuts)), move |open| {
            let (fake, collection) = (fake.clone(), collection.clone());
            async move {
                let (mut at, mut cuts) = open?;
                loop {
                    if *cuts.borrow_and_update() != cut {
                        return None;
                    }
                    let next = {
                        let state = fake.state();
                        if at < state.compacted {
                            let gone = json!({ "type": "ERROR", "object": status(410, "Expired", Value::Null) });
                            return Some((line(&gone), None));
                        }
                        state.log.iter().find(|(version, of, ..)| *version > at && *of == collection).cloned()
                    };
                    if let Some((version, _, type_, object)) = next {
                        at = version;
                        return Some((line(&json!({ "type": type_, "object": object })), Some((at, cuts))));
                    }
                    cuts.changed().await.ok()?;
                }
            }
        });
        Response::new(StreamBody::new(events.map(|bytes| Ok(Frame::data(bytes)))).boxed_unsync())
    }
}

impl State {
    fn store(&mut self, collection: &str, key: &str, mut object: Value) -> Value {
        self.version += 1;
        let known = self.objects.get(&(collection.to_owned(), key.to_owned()));
        let type_ = if known.is_some() { "MODIFIED" } else { "ADDED" };
        object["metadata"]["uid"] = known.map_or_else(|| format!("uid-{}", self.uids).into(), |known| known["metadata"]["uid"].clone());
        self.uids += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if object["metadata"]["creationTimestamp"].is_null() {
            object["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z".into();
        }
        self.log.push((self.version, collection.to_owned(), type_, object.clone()));
        self.objects.insert((collection.to_owned(), key.to_owned()), object.clone());
        object
    }

    fn remove(&mut self, collection: &str, key: &str) -> Option<Value> {
        let mut object = self.objects.remove(&(collection.to_owned(), key.to_owned()))?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.log.push((self.version, collection.to_owned(), "DELETED", object.clone()));
        Some(object)
    }

    fn list(&mut self, collection: &str, namespace: Option<&str>, query: &BTreeMap<String, String>) -> Response<Answer> {
        let limit = query.get("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let after = query.get("continue").map(|token| token.strip_prefix("fresh:").unwrap_or(token).to_owned());
        if let Some(after) = after.as_ref().filter(|_| !query["continue"].starts_with("fresh:")) {
            match self.expiries.pop_front() {
                Some(Expiry::WithToken) => return failure(410, "Expired", json!({ "continue": format!("fresh:{after}") })),
                Some(Expiry::Bare) => return failure(410, "Expired", Value::Null),
                None => {}
            }
        }
        let matching = self.objects.iter().filter(|((of, key), object)| {
            of == collection
                && namespace.is_none_or(|namespace| key.starts_with(&format!("{namespace}/")))
                && after.as_ref().is_none_or(|after| key > after)
                && query.get("fieldSelector").is_none_or(|selector| {
                    let phase = object["status"]["phase"].as_str().unwrap_or_default();
                    selector.strip_prefix("status.phase=").unwrap() == phase
                })
                && query.get("labelSelector").is_none_or(|selector| match selector.split_once('=') {
                    Some((label, value)) => object["metadata"]["labels"][label] == value,
                    None => object["metadata"]["labels"][selector.strip_prefix('!').unwrap()].is_null(),
                })
        });
        let mut page: Vec<(&String, &Value)> = matching.map(|((_, key), object)| (key, object)).take(limit.saturating_add(1)).collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let token = page.last().filter(|_| more).map(|(key, _)| (*key).clone());
        let items: Vec<&Value> = page.into_iter().map(|(_, object)| object).collect();
        let list = json!({ "metadata": { "resourceVersion": self.version.to_string(), "continue": token }, "items": items });
        self.largest_page = self.largest_page.max(items.len());
        success(&list)
    }

    fn delete(&mut self, collection: &str, key: &str, options: Value) -> Response<Answer> {
        let id = (collection.to_owned(), key.to_owned());
        let fails_once = self.undeletable_once.take_if(|once| once == key).is_some();
        if fails_once || self.undeletable.as_deref() == Some(key) {
            return failure(500, "InternalError", Value::Null);
        }
        if self.raced.as_deref() == Some(key) {
            let object = self.objects[&id].clone();
            self.store(collection, key, object);
        }
        let Some(object) = self.objects.get(&id) else { return failure(404, "NotFound", Value::Null) };
        for field in ["uid", "resourceVersion"] {
            if options["preconditions"][field] != object["metadata"][field] {
                return failure(409, "Conflict", Value::Null);
            }
        }
        self.deletions.push(options);
        self.deleted.push(key.to_owned());
        success(&self.remove(collection, key).unwrap())
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((decode(name), decode(value)))
}

fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let byte = u8::from_str_radix(&part[..2], 16).unwrap();
        text + &char::from(byte).to_string() + &part[2..]
    })
}

fn line(event: &Value) -> Bytes {
    format!("{event}\n").into()
}

fn success(body: &Value) -> Response<Answer> {
    Response::new(Full::from(body.to_string()).boxed_unsync())
}

fn status(code: u16, reason: &str, metadata: Value) -> Value {
    let mut status =
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason });
    if !metadata.is_null() {
        status["metadata"] = metadata;
    }
    status
}

fn failure(code: u16, reason: &str, metadata: Value) -> Response<Answer> {
    let mut response = success(&status(code, reason, metadata));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}
