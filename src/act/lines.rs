//! JSON lines over a Unix socket, bounded in length, number and time. Both sides speak through this.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::limits::{ACT_LINE_BYTES_MAX, ACT_LINES_QUEUED_MAX, ACT_SAY_TIMEOUT};

/// One end of a conversation that hears `In`. It ends when the other side closes, or says what is not understood.
pub(crate) struct Line<In> {
    heard: mpsc::Receiver<In>,
    writer: OwnedWriteHalf,
    reader: JoinHandle<()>,
}

/// Why something was not said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SayError {
    /// The other side is gone.
    #[error("connection lost: {0}")]
    Lost(#[from] std::io::Error),
    /// The other side does not take it.
    #[error("the other side does not read")]
    Stuck,
    /// It cannot be put into one line.
    #[error("line is too long: {0} bytes")]
    TooLong(usize),
    /// It cannot be put into JSON.
    #[error("line cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl<In: DeserializeOwned + Send + 'static> Line<In> {
    /// Speaks over a connected socket.
    pub(crate) fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        let (sender, heard) = mpsc::channel(ACT_LINES_QUEUED_MAX);
        let reader = tokio::spawn(async move {
            if let Err(reason) = hear_all(reader, &sender).await {
                tracing::warn!(reason, "a line between run and act was not understood, connection closed");
            }
        });
        Self { heard, writer, reader }
    }

    /// The next line; nothing once the conversation is over. Loses nothing when it is dropped while waiting.
    pub(crate) async fn hear(&mut self) -> Option<In> {
        self.heard.recv().await
    }

    /// Says one line.
    pub(crate) async fn say<Out: Serialize>(&mut self, out: &Out) -> Result<(), SayError> {
        let mut bytes = serde_json::to_vec(out)?;
        bytes.push(b'\n');
        if bytes.len() > ACT_LINE_BYTES_MAX {
            return Err(SayError::TooLong(bytes.len()));
        }
        timeout(ACT_SAY_TIMEOUT, self.writer.write_all(&bytes)).await.map_err(|_| SayError::Stuck)??;
        Ok(())
    }
}

impl<In> Drop for Line<In> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Hands on each line until the other side closes; the error is why it could not go on.
async fn hear_all<In: DeserializeOwned>(reader: OwnedReadHalf, sender: &mpsc::Sender<In>) -> Result<(), String> {
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let most = u64::try_from(ACT_LINE_BYTES_MAX).unwrap_or(u64::MAX);
        match (&mut reader).take(most).read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(_) if bytes.last() != Some(&b'\n') && bytes.len() == ACT_LINE_BYTES_MAX => {
                return Err(format!("longer than {ACT_LINE_BYTES_MAX} bytes"));
            }
            // The other side died within a line: what it meant to say is said again by whoever comes after it.
            Ok(_) if bytes.last() != Some(&b'\n') => return Ok(()),
            Ok(_) => {}
        }
        let line = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if sender.send(line).await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(bytes: &[u8]) -> Vec<u32> {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let mut line = Line::<u32>::new(ours);
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move { theirs.write_all(&bytes).await });
        let mut all = Vec::new();
        while let Some(number) = line.hear().await {
            all.push(number);
        }
        drop(line);
        let _ = writing.await;
        all
    }

    #[tokio::test]
    async fn hears_whole_lines_and_ends_at_the_first_that_it_does_not_understand() {
        assert_eq!(heard(b"1\n22\n").await, [1, 22]);
        assert_eq!(heard(b"1\n22").await, [1], "half a line is none");
        assert_eq!(heard(b"1\nx\n2\n").await, [1]);
        assert_eq!(heard(b"1\n\xff\xfe\n2\n").await, [1]);
        let mut long = b"1\n".to_vec();
        long.extend(vec![b' '; ACT_LINE_BYTES_MAX]);
        long.extend(b"2\n3\n");
        assert_eq!(heard(&long).await, [1]);
    }

    #[tokio::test]
    async fn says_no_line_that_the_other_side_would_refuse() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let mut line = Line::<u32>::new(ours);
        let error = line.say(&"x".repeat(ACT_LINE_BYTES_MAX)).await.expect_err("too long");
        assert!(matches!(error, SayError::TooLong(_)), "{error}");
        drop(theirs);
        let mut result = Ok(());
        for _ in 0..10 {
            result = line.say(&1).await;
        }
        assert!(matches!(result, Err(SayError::Lost(_))), "{result:?}");
    }
}
