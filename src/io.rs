//! What carries bytes between client and server, whatever it is.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection as a stream of bytes each way.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A connection of any kind.
pub(crate) type BoxedStream = Box<dyn ByteStream>;
