//! Frames on an encrypted stream.

use std::io;

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::lane::LaneError;
use crate::core::wire::frame::{FrameKind, PREFIX, decode_prefix, encode_prefix};

/// Reads the prefix of a frame; gives kind and length of the payload that follows.
pub async fn read_prefix(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<(FrameKind, usize), LaneError> {
    let mut prefix = [0; PREFIX];
    stream.read_exact(&mut prefix).await?;
    Ok(decode_prefix(prefix, limit)?)
}

/// Reads a whole frame; `limit` is that of a control frame's payload.
pub async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<(FrameKind, Vec<u8>), LaneError> {
    let (kind, length) = read_prefix(stream, limit).await?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok((kind, payload))
}

/// Adds a control frame to what is to be written.
pub fn push_control(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&encode_prefix(FrameKind::Control, bytes.len()));
    buffer.extend_from_slice(bytes);
}

/// Writes a control frame and flushes.
pub async fn write_control(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(PREFIX + bytes.len());
    push_control(&mut buffer, bytes);
    stream.write_all(&buffer).await?;
    stream.flush().await
}
