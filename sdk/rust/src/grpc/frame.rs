use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Code, Status};

const HEADER_BYTES: usize = 5;

/// A message as it goes over the wire: a flag for compression, the length, the bytes.
pub(super) fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(HEADER_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    framed.freeze()
}

/// Cuts what comes over the wire into messages.
pub(super) struct Deframer {
    buffer: BytesMut,
    max_bytes: usize,
}

impl Deframer {
    /// `max_bytes`: the largest message that is taken.
    pub(super) fn new(max_bytes: usize) -> Self {
        Deframer { buffer: BytesMut::new(), max_bytes }
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Whether bytes are left that are no whole message.
    pub(super) fn is_within_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole message. `None`: more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Status> {
        if self.buffer.len() < HEADER_BYTES {
            return Ok(None);
        }
        if self.buffer[0] != 0 {
            let text = "the message is compressed, and no compression was agreed on";
            return Err(Status::new(Code::Unimplemented, text));
        }
        let length = (&self.buffer[1..HEADER_BYTES]).get_u32() as usize;
        if length > self.max_bytes {
            let limit = self.max_bytes;
            let text = format!("the message has {length} bytes, and at most {limit} are taken");
            return Err(Status::new(Code::ResourceExhausted, text));
        }
        if self.buffer.len() < HEADER_BYTES + length {
            self.buffer.reserve(HEADER_BYTES + length - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(HEADER_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_they_were_cut() {
        let mut wire = frame(b"first").to_vec();
        wire.extend_from_slice(&frame(b""));
        wire.extend_from_slice(&frame(b"third"));
        for size in 1..wire.len() {
            let mut deframer = Deframer::new(5);
            let mut messages = Vec::new();
            for piece in wire.chunks(size) {
                deframer.push(piece);
                while let Some(message) = deframer.next().unwrap() {
                    messages.push(message);
                }
            }
            assert_eq!(messages, ["first", "", "third"]);
            assert!(!deframer.is_within_message());
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_before_it_is_there() {
        let mut deframer = Deframer::new(4);
        deframer.push(&frame(b"12345")[..HEADER_BYTES]);
        assert_eq!(deframer.next().unwrap_err().code(), Code::ResourceExhausted);
    }

    #[test]
    fn a_compressed_message_is_refused() {
        let mut deframer = Deframer::new(4);
        deframer.push(&[1, 0, 0, 0, 0]);
        assert_eq!(deframer.next().unwrap_err().code(), Code::Unimplemented);
    }
}
