//! What the programs that call the server share.

use std::error::Error;
use std::iter::successors;

use tonic::transport::Channel;

/// A connection to the server at `url`.
///
/// # Errors
/// When `url` is none of `http`, and when nobody answers there. The message says what to do.
pub async fn connect(url: &str) -> Result<Channel, String> {
    // Another scheme would be spoken in plaintext all the same.
    if !url.starts_with("http://") {
        return Err(format!(
            "{url:?} is no address of a server: write http://HOST:PORT"
        ));
    }
    let endpoint = Channel::from_shared(url.to_owned())
        .map_err(|error| format!("{url:?} is no address of a server: {error}"))?;
    endpoint.connect().await.map_err(|error| {
        let why = deepest(&error);
        format!("no server at {url}: {why}; start deriva-server, or name another --url")
    })
}

/// What lies at the bottom of an error.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let causes = successors(Some(error), |error| (*error).source());
    causes.last().unwrap_or(error).to_string()
}
