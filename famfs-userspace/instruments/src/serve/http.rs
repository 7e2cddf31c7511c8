//! HTTP for scrapers: every request is small, quick and answered by itself. Whoever sends slowly,
//! much, or from many connections at once is cut off.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError},
    },
    thread,
    time::{Duration, Instant},
};

/// No request is longer, its headers included.
const REQUEST_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;
/// How long a request may take to arrive, and an answer to leave.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many are served at once, and how many wait for that.
const WORKERS: usize = 32;
const WAITING: usize = 32;

const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Where the answer to a scrape goes.
#[derive(Debug)]
pub struct Answer(Sender<String>);

impl Answer {
    /// Answers with a page. Whoever asked may be gone, which is as well.
    pub fn send(self, page: String) {
        let _ = self.0.send(page);
    }
}

/// Listens, and hands on who wants a page.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scrapes: Receiver<Answer>,
}

impl Server {
    /// Listens from now on, in the background, as long as this process lives.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let (scrape, scrapes) = mpsc::channel();
        let (hand_over, connections) = mpsc::sync_channel(WAITING);
        let connections = Arc::new(Mutex::new(connections));
        for _ in 0..WORKERS {
            let (connections, scrape) = (Arc::clone(&connections), scrape.clone());
            thread::spawn(move || work(&connections, &scrape));
        }
        thread::spawn(move || accept(&listener, &hand_over));
        Ok(Self { address, scrapes })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next scrape, if one comes before `wait` is over.
    pub fn next(&self, wait: Duration) -> Option<Answer> {
        match self.scrapes.recv_timeout(wait) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(wait);
                None
            }
        }
    }
}

fn accept(listener: &TcpListener, hand_over: &SyncSender<TcpStream>) {
    loop {
        match listener.accept() {
            // Too many wait already: this one is closed at once.
            Ok((connection, _)) => match hand_over.try_send(connection) {
                Ok(()) | Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => return,
            },
            // Out of descriptors, or the other end left meanwhile.
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn work(connections: &Mutex<Receiver<TcpStream>>, scrape: &Sender<Answer>) {
    loop {
        let next = match connections.lock() {
            Ok(connections) => connections.recv(),
            Err(_) => return,
        };
        let Ok(connection) = next else { return };
        // Whatever goes wrong goes wrong for this one alone.
        let _ = serve(&connection, scrape);
    }
}

fn serve(mut connection: &TcpStream, scrape: &Sender<Answer>) -> io::Result<()> {
    connection.set_write_timeout(Some(PATIENCE))?;
    let response = match request(connection) {
        Ok(Request::Get(path)) => respond(&path, scrape),
        Ok(Request::Head(path)) => {
            let full = respond(&path, scrape);
            let end = full.find("\r\n\r\n").map_or(full.len(), |end| end + 4);
            full[..end].to_owned()
        }
        Ok(Request::Refused(status)) => response(status, TEXT, status),
        Err(error) => return Err(error),
    };
    connection.write_all(response.as_bytes())?;
    connection.flush()?;
    // What it still sends is not read, and must not make the answer be lost.
    connection.shutdown(std::net::Shutdown::Write)?;
    connection.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut rest = [0; 1024];
    for _ in 0..8 {
        if matches!(connection.read(&mut rest), Ok(0) | Err(_)) {
            break;
        }
    }
    Ok(())
}

fn respond(path: &str, scrape: &Sender<Answer>) -> String {
    match path {
        "/metrics" => {
            let (answer, page) = mpsc::channel();
            let asked = scrape.send(Answer(answer)).is_ok();
            match page.recv_timeout(PATIENCE) {
                Ok(page) if asked => response("200 OK", METRICS, &page),
                _ => response("503 Service Unavailable", TEXT, "no snapshot in time\n"),
            }
        }
        "/healthz" => response("200 OK", TEXT, "ok\n"),
        "/" => response("200 OK", TEXT, "famfs-top: see /metrics and /healthz\n"),
        _ => response("404 Not Found", TEXT, "there are /metrics and /healthz\n"),
    }
}

fn response(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Get(String),
    Head(String),
    /// The answer is this status.
    Refused(&'static str),
}

fn request(mut connection: &TcpStream) -> io::Result<Request> {
    let deadline = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Request::Refused("408 Request Timeout"));
        }
        connection.set_read_timeout(Some(left))?;
        match connection.read(&mut chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Request::Refused("408 Request Timeout"));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if let Some(request) = parse(&bytes) {
            return Ok(request);
        }
    }
}

/// The request, once all of it is there.
fn parse(bytes: &[u8]) -> Option<Request> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) if bytes.len() < REQUEST_MAX => None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Some(Request::Refused("431 Request Header Fields Too Large"))
        }
        Err(_) => Some(Request::Refused("400 Bad Request")),
        Ok(httparse::Status::Complete(_)) => {
            let path = request.path.unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default().to_owned();
            Some(match request.method {
                Some("GET") => Request::Get(path),
                Some("HEAD") => Request::Head(path),
                _ => Request::Refused("405 Method Not Allowed"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_whole_and_bounded() {
        let get = |path: &str| Some(Request::Get(path.to_owned()));
        assert_eq!(
            parse(b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"),
            get("/metrics")
        );
        assert_eq!(parse(b"GET /metrics HTTP/1.1\r\nHost: a\r\n"), None);
        let refused = |bytes: &[u8]| match parse(bytes) {
            Some(Request::Refused(status)) => status[..3].to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(refused(b"POST / HTTP/1.1\r\n\r\n"), "405");
        assert_eq!(refused(b"\0\0\0\0"), "400");
        assert_eq!(
            refused(&[b"GET /".as_slice(), &vec![b'a'; REQUEST_MAX]].concat()),
            "431"
        );
        let many = "a: b\r\n".repeat(HEADERS_MAX + 1);
        assert_eq!(
            refused(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()),
            "431"
        );
    }

    fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(request).unwrap();
        let mut answer = String::new();
        let _ = connection.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn each_path_has_its_answer() {
        let server = Server::start("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = server.address();
        let scraped = thread::spawn(move || ask(address, b"GET /metrics HTTP/1.0\r\n\r\n"));
        server.next(PATIENCE).unwrap().send("page".into());
        let scraped = scraped.join().unwrap();
        assert!(
            scraped.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text")
        );
        assert!(scraped.ends_with("Content-Length: 4\r\nConnection: close\r\n\r\npage"));
        assert!(ask(address, b"GET /healthz HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nok\n"));
        assert!(ask(address, b"HEAD /healthz HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
        assert!(ask(address, b"GET /etc/passwd HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert!(ask(address, &vec![b'x'; 3 * REQUEST_MAX]).starts_with("HTTP/1.1 4"));
    }

    #[test]
    fn many_who_say_nothing_keep_nobody_waiting() {
        let server = Server::start("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = server.address();
        let silent: Vec<_> = (1..WORKERS)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        assert!(ask(address, b"GET /healthz HTTP/1.1\r\n\r\n").ends_with("ok\n"));
        drop(silent);
    }
}
