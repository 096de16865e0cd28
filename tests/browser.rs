//! A real Chromium without a screen, told what to do over pipes by the DevTools protocol.

use fixtures::{Server, reply};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// How wide its windows are.
const WIDTH: u32 = 800;

/// The colours of the pixels of a [screenshot](Browser::screenshot), three bytes each.
pub(crate) fn pixels(screenshot: &str) -> Vec<u8> {
    let bytes = data_encoding::BASE64.decode(screenshot.as_bytes()).expect("Base64");
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
    reader.next_frame(&mut pixels).expect("whole");
    pixels
}

/// A browser. What it opens offline has no network but a proxy that refuses everything and counts.
pub(crate) struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    calls: u64,
    /// What it told since a page began to be opened.
    events: Vec<Value>,
    refusing: Server,
    offline: String,
    _directory: TempDir,
}

/// A page that is open.
pub(crate) struct Tab {
    target: String,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Starts one, if there is one on this machine.
    pub(crate) fn start() -> Option<Browser> {
        let chromium = crate::harness::program("chromium")?;
        let directory = tempfile::tempdir().expect("made");
        let pipe = |name: &str| {
            let path = directory.path().join(name);
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("made");
            path
        };
        let (to, from) = (pipe("to"), pipe("from"));
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<\"$TO\" 4>\"$FROM\""]).arg(chromium).args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            "--no-proxy-server",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "--window-size=800,600",
        ]);
        command.arg(format!("--user-data-dir={}", directory.path().join("profile").display()));
        command.env("TO", &to).env("FROM", &from).env("HOME", directory.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        let to = File::options().write(true).open(to).expect("opened");
        let from = receive(File::open(from).expect("opened"));
        let refusing = Server::start(|_| reply("403 Forbidden", "", "")).expect("started");
        let offline = String::new();
        let mut browser = Browser { child, to, from, calls: 0, events: Vec::new(), refusing, offline, _directory: directory };
        browser.offline = browser.network(browser.refusing.port());
        Some(browser)
    }

    /// A network in which everything goes through the proxy at this port.
    pub(crate) fn network(&mut self, port: u16) -> String {
        let parameters = json!({"proxyServer": format!("127.0.0.1:{port}"), "proxyBypassList": "<-loopback>"});
        let context = self.call(None, "Target.createBrowserContext", &parameters);
        context["browserContextId"].as_str().expect("a context").to_owned()
    }

    /// Calls a method, and waits for what it returns.
    #[track_caller]
    fn call(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        self.to.write_all(format!("{call}\0").as_bytes()).expect("sent");
        loop {
            let mut message = self.receive(&call.to_string());
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.note(message);
        }
    }

    /// Keeps what the browser tells by itself, and closes the dialogs of pages, which would wait for a user.
    fn note(&mut self, event: Value) {
        if event["method"] == "Page.javascriptDialogOpening" {
            let close = json!({"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": true}, "sessionId": event["sessionId"]});
            self.to.write_all(format!("{close}\0").as_bytes()).expect("sent");
        }
        self.events.push(event);
    }

    #[track_caller]
    fn receive(&mut self, what: &str) -> Value {
        self.from.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Opens a page, and waits until it is shown.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) -> Tab {
        self.open_page(url, None)
    }

    /// Opens a file with the network shut.
    #[track_caller]
    pub(crate) fn open_offline(&mut self, file: &Path) -> Tab {
        let context = self.offline.clone();
        self.open_in(&format!("file://{}", file.display()), &context)
    }

    /// Opens a page in a network.
    #[track_caller]
    pub(crate) fn open_in(&mut self, url: &str, network: &str) -> Tab {
        self.open_page(url, Some(network))
    }

    #[track_caller]
    fn open_page(&mut self, url: &str, context: Option<&str>) -> Tab {
        let mut parameters = json!({"url": "about:blank"});
        if let Some(context) = context {
            parameters["browserContextId"] = context.into();
        }
        let target = self.call(None, "Target.createTarget", &parameters)["targetId"].as_str().expect("a target").to_owned();
        let session = self.call(None, "Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        let session = session["sessionId"].as_str().expect("a session").to_owned();
        self.call(Some(&session), "Page.enable", &json!({}));
        self.events.clear();
        self.call(Some(&session), "Page.navigate", &json!({"url": url}));
        let is_loaded = |event: &Value| event["method"] == "Page.loadEventFired" && event["sessionId"] == session.as_str();
        while !self.events.iter().any(is_loaded) {
            match self.from.recv_timeout(Duration::from_secs(20)) {
                Ok(event) => self.note(event),
                Err(error) => panic!("{url} is not loaded: {error}"),
            }
        }
        let tab = Tab { target, session };
        let shown =
            "document.fonts.ready.then(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(1)))))";
        self.evaluate(&tab, &format!("/* {url} */ {shown}"));
        tab
    }

    /// The value of an expression in a page, awaited.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, tab: &Tab, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut evaluated = self.call(Some(&tab.session), "Runtime.evaluate", &parameters);
        assert!(evaluated["exceptionDetails"].is_null(), "{expression}: {evaluated}");
        evaluated["result"]["value"].take()
    }

    /// What a page looks like, from the top: a PNG file in Base64.
    #[track_caller]
    pub(crate) fn screenshot(&mut self, tab: &Tab) -> String {
        let metrics = self.call(Some(&tab.session), "Page.getLayoutMetrics", &json!({}));
        let height = metrics["cssContentSize"]["height"].as_f64().unwrap_or(600.0).clamp(600.0, 5000.0);
        let clip = json!({"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1});
        let parameters = json!({"format": "png", "optimizeForSpeed": true, "captureBeyondViewport": true, "clip": clip});
        let taken = self.call(Some(&tab.session), "Page.captureScreenshot", &parameters);
        taken["data"].as_str().expect("data").to_owned()
    }

    /// What a page looks like once nothing in it moves.
    #[track_caller]
    pub(crate) fn still(&mut self, tab: &Tab) -> String {
        let mut before = self.screenshot(tab);
        for _ in 0..20 {
            self.evaluate(tab, "new Promise(r => setTimeout(r, 100))");
            let now = self.screenshot(tab);
            if now == before {
                break;
            }
            before = now;
        }
        before
    }

    /// Keeps pictures of pages in the directory that the environment's `PICTURES` names.
    pub(crate) fn keep_pictures(&mut self, tabs: &[(&Tab, &str)], name: &str) {
        let Ok(directory) = std::env::var("PICTURES") else { return };
        for (tab, kind) in tabs {
            let picture = data_encoding::BASE64.decode(self.screenshot(tab).as_bytes()).expect("Base64");
            std::fs::write(format!("{directory}/{name}.{kind}.png"), picture).expect("written");
        }
    }

    /// Closes a page.
    pub(crate) fn close(&mut self, tab: &Tab) {
        self.call(None, "Target.closeTarget", &json!({"targetId": tab.target}));
    }

    /// What was requested offline, and how many connections were made in vain.
    pub(crate) fn attempts(&self) -> (Vec<String>, usize) {
        let requests = self.refusing.requests();
        (requests.iter().map(|request| request.path().to_owned()).collect(), self.refusing.connections())
    }
}

/// The messages that come, each of which ends with NUL.
fn receive(from: File) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for bytes in BufReader::new(from).split(0).map_while(Result::ok) {
            if sender.send(serde_json::from_slice(&bytes).expect("JSON")).is_err() {
                break;
            }
        }
    });
    receiver
}
