//! The least there is: a socket with nothing around it, and memory with nothing
//! between.

use std::{
    collections::VecDeque,
    hint::black_box,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Instant,
};

use crate::{Error, Kind, Measure, Work, meter::Meter};

/// Bytes of a request, about those of a camera move.
const REQUEST: usize = 48;

/// Two threads and a socket between them.
#[derive(Debug)]
pub(crate) struct RawTcp {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl RawTcp {
    pub(crate) fn start(work: &Work) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let socket = TcpStream::connect(listener.local_addr()?)?;
        socket.set_nodelay(true)?;
        let (peer, _) = listener.accept()?;
        peer.set_nodelay(true)?;
        let unit = work.kind.bytes();
        // Ends when the client closes its side.
        thread::spawn(move || serve(peer, unit));
        let room = match work.kind {
            Kind::Command => unit * work.in_flight,
            Kind::Images { .. } => unit,
        };
        Ok(Self {
            socket,
            buffer: vec![0; room],
        })
    }

    pub(crate) fn run(&mut self, work: &Work, mut meter: Meter) -> Result<Measure, Error> {
        let unit = work.kind.bytes();
        let mut asked = VecDeque::with_capacity(work.in_flight);
        let mut got = 0;
        loop {
            let mut more = 0;
            while asked.len() < work.in_flight && meter.goes_on() {
                asked.push_back(Instant::now());
                more += 1;
            }
            self.socket.write_all(&vec![0; more * REQUEST])?;
            if asked.is_empty() {
                return Ok(meter.finish());
            }
            got += match work.kind {
                Kind::Command => self.socket.read(&mut self.buffer)?,
                Kind::Images { .. } => {
                    self.socket.read_exact(&mut self.buffer)?;
                    unit
                }
            };
            while got >= unit {
                got -= unit;
                if let Some(since) = asked.pop_front() {
                    meter.done(since);
                }
            }
        }
    }
}

/// Writes a reply for every request that comes.
fn serve(mut peer: TcpStream, unit: usize) -> io::Result<()> {
    let reply = vec![7_u8; unit];
    let mut requests = vec![0; 1 << 16];
    let mut got = 0;
    loop {
        match peer.read(&mut requests)? {
            0 => return Ok(()),
            more => got += more,
        }
        let due = got / REQUEST;
        got %= REQUEST;
        if unit < 4096 {
            peer.write_all(&reply.repeat(due))?;
        } else {
            for _ in 0..due {
                peer.write_all(&reply)?;
            }
        }
    }
}

/// Copies one reply's bytes from one place to another.
#[derive(Debug)]
pub(crate) struct Memcpy {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Memcpy {
    pub(crate) fn start(work: &Work) -> Self {
        Self {
            from: vec![7; work.kind.bytes()],
            to: vec![0; work.kind.bytes()],
        }
    }

    pub(crate) fn run(&mut self, mut meter: Meter) -> Measure {
        while meter.goes_on() {
            let since = Instant::now();
            self.to.copy_from_slice(black_box(&self.from));
            black_box(&mut self.to);
            meter.done(since);
        }
        meter.finish()
    }
}
