//! The side socket: an abstract Unix socket of whole messages, for one user.

use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
        SocketType,
    },
};

use crate::{
    error::{Doing, Error},
    layout::{MESSAGE_BYTES, Message},
};

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 128;

/// What the kernel calls users that a name space does not know.
const UNKNOWN_UID: u32 = 65_534;

fn socket() -> Result<OwnedFd, Error> {
    rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .doing("make a Unix socket")
}

fn address(name: &str) -> Result<SocketAddrUnix, Error> {
    SocketAddrUnix::new_abstract_name(name.as_bytes()).doing("name a Unix socket")
}

/// Listens under a name that lives as long as the socket and is in no folder.
pub(crate) fn listen(name: &str) -> Result<OwnedFd, Error> {
    let socket = socket()?;
    rustix::net::bind(&socket, &address(name)?).doing("bind a Unix socket")?;
    rustix::net::listen(&socket, BACKLOG).doing("listen on a Unix socket")?;
    Ok(socket)
}

/// Takes the next client in; `None` when none waits.
pub(crate) fn accept(listener: impl AsFd) -> Result<Option<OwnedFd>, Error> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match rustix::net::accept_with(listener, flags) {
        Ok(socket) => Ok(Some(socket)),
        Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
        Err(error) => Err(error).doing("accept a client"),
    }
}

pub(crate) fn connect(name: &str) -> Result<OwnedFd, Error> {
    let socket = socket()?;
    rustix::net::connect(&socket, &address(name)?)
        .doing("connect to the server's side socket; is it on this machine?")?;
    Ok(socket)
}

/// Refuses a peer that is not of this user.
pub(crate) fn check_user(socket: impl AsFd) -> Result<(), Error> {
    let peer = rustix::net::sockopt::socket_peercred(socket).doing("ask who the peer is")?;
    let (theirs, ours) = (peer.uid.as_raw(), rustix::process::geteuid().as_raw());
    if theirs == ours && theirs != UNKNOWN_UID {
        return Ok(());
    }
    Err(Error::peer(format!(
        "the peer runs as user {theirs}, not as user {ours} as this process does"
    )))
}

/// Sends a message, with a file if there is one; never waits.
pub(crate) fn send(
    socket: impl AsFd,
    message: Message,
    file: Option<BorrowedFd<'_>>,
) -> Result<(), Error> {
    let bytes = message.encode();
    let files: Vec<_> = file.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    rustix::net::sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, flags)
        .doing("send on the side socket")?;
    Ok(())
}

/// What came on the side socket.
#[derive(Debug)]
pub(crate) enum Received {
    Message(Message, Option<OwnedFd>),
    /// Nothing so far.
    Nothing,
    /// The peer is gone.
    End,
}

/// Takes the next message, if there is one; never waits.
pub(crate) fn receive(socket: impl AsFd) -> Result<Received, Error> {
    // One byte more than a message, so that a longer one does not pass for one.
    let mut bytes = [0; MESSAGE_BYTES + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    );
    let received = match received {
        Ok(received) => received,
        Err(Errno::AGAIN | Errno::INTR) => return Ok(Received::Nothing),
        Err(Errno::CONNRESET) => return Ok(Received::End),
        Err(error) => return Err(error).doing("read from the side socket"),
    };
    // Whatever files came are owned here, and closed if they are not wanted.
    let mut files = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => files.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let file = files.next();
    if received.bytes == 0 {
        return Ok(Received::End);
    }
    let message = Message::decode(&bytes[..received.bytes]);
    match message {
        Some(message) if !received.flags.contains(ReturnFlags::CTRUNC) => {
            Ok(Received::Message(message, file))
        }
        _ => Err(Error::peer("a message on the side socket is none of ours")),
    }
}

/// Waits until something can be received; false when the time is over first.
pub(crate) fn wait(socket: impl AsFd, limit: Duration) -> Result<bool, Error> {
    let limit = Timespec::try_from(limit).ok();
    let mut polled = [PollFd::new(&socket, PollFlags::IN)];
    match rustix::event::poll(&mut polled, limit.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        // Cut short by a signal: the caller looks and waits again.
        Err(Errno::INTR) => Ok(true),
        Err(error) => Err(error).doing("wait for the side socket"),
    }
}
