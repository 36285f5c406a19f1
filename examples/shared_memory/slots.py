"""The server's half of shared memory, as docs/shared-memory.md has it.

Needs Python 3.9 on Linux and its standard library, nothing else. A server in
another language does the same, step by step.

    side = SideSocket()                # say side.name in ServerInfo
    client = side.client(token)        # of the stream's header; None: not ours
    slot = client.take(length)         # None: send the frame over the stream
    slot.pixels[:] = ...               # render here
    generation = client.publish(slot, length)
"""

import ctypes
import fcntl
import mmap
import os
import secrets
import socket
import struct
import threading

MAGIC = b"SYNCSHM\x01"
MESSAGE = struct.Struct("<8sIIQ16s")
HELLO, NEW_SLOT, RETIRE = 1, 2, 3
MAX_SLOTS = 256
PIXELS_AT = 4096
RELEASE_STRIDE = 64
FREE, WRITING, READY = 0, 1, 2
SEAL, SHRINK, GROW, FUTURE_WRITE = 1, 2, 4, 16
UNKNOWN_UID = 65534


def memory_file(name, size, seals):
    """A sealed memory file, mapped for writing, and its descriptor to pass on."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        # Memory that is there now cannot run out in the middle of a frame.
        os.posix_fallocate(fd, 0, size)
        memory = mmap.mmap(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals | SHRINK | GROW | SEAL)
    except OSError:
        os.close(fd)
        raise
    return memory, fd


class Slot:
    """The memory of one slot."""

    def __init__(self, name, number, capacity):
        size = PIXELS_AT + -(-capacity // mmap.PAGESIZE) * mmap.PAGESIZE
        self.number, self.capacity = number, size - PIXELS_AT
        self.memory, self.fd = memory_file(name, size, FUTURE_WRITE)
        self.memory[:12] = MAGIC + struct.pack("<I", number)
        # One aligned store each, which is what the protocol calls atomic.
        self._state = ctypes.c_uint64.from_buffer(self.memory, 16)
        self._length = ctypes.c_uint64.from_buffer(self.memory, 24)
        self.pixels = memoryview(self.memory)[PIXELS_AT:]

    def set(self, generation, phase):
        self._state.value = generation << 2 | phase

    def set_length(self, length):
        self._length.value = length


class Client:
    """The slots of one client. Safe to use from several threads."""

    def __init__(self, connection, name, max_bytes):
        self.token = secrets.token_bytes(16)
        self._connection, self._name = connection, name
        self._lock = threading.Lock()
        self._slots = {}
        self._generations = [0] * MAX_SLOTS
        # Numbers of slots that are being written, or are the client's.
        self._writing, self._published = set(), set()
        self._bytes_left = max_bytes
        self._control, fd = memory_file(name, MAX_SLOTS * RELEASE_STRIDE, 0)
        self._send(HELLO, 0, MAX_SLOTS, self.token, fd)

    def _send(self, kind, slot, value, token=bytes(16), fd=None):
        message = MESSAGE.pack(MAGIC, kind, slot, value, token)
        if fd is None:
            self._connection.send(message)
            return
        try:
            socket.send_fds(self._connection, [message], [fd])
        finally:
            os.close(fd)

    def take(self, length):
        """A slot to write a frame of this many bytes to, or None."""
        with self._lock:
            self._reclaim()
            busy = self._writing | self._published
            free = [slot for number, slot in self._slots.items() if number not in busy]
            fitting = [slot for slot in free if slot.capacity >= length]
            if fitting:
                slot = min(fitting, key=lambda slot: slot.capacity)
            else:
                slot = self._make(length, free)
            if slot is None:
                return None
            self._generations[slot.number] += 1
            self._writing.add(slot.number)
            slot.set(self._generations[slot.number], WRITING)
            return slot

    def publish(self, slot, length):
        """Gives a written slot to the client; its generation, to be sent."""
        with self._lock:
            generation = self._generations[slot.number]
            slot.set_length(length)
            slot.set(generation, READY)
            self._writing.discard(slot.number)
            self._published.add(slot.number)
            return generation

    def _reclaim(self):
        for number in list(self._published):
            released, = struct.unpack_from("<Q", self._control, number * RELEASE_STRIDE)
            if released == self._generations[number]:
                self._published.discard(number)

    def _make(self, length, free):
        size = PIXELS_AT + -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
        unused = [number for number in range(MAX_SLOTS) if number not in self._slots]
        for slot in free:
            if self._bytes_left >= size and unused:
                break
            # Too small, or it would have been taken.
            self._send(RETIRE, slot.number, 0)
            del self._slots[slot.number]
            self._bytes_left += PIXELS_AT + slot.capacity
            unused.append(slot.number)
        if self._bytes_left < size or not unused:
            return None
        slot = Slot(self._name, unused[0], length)
        self._bytes_left -= size
        self._slots[slot.number] = slot
        self._send(NEW_SLOT, slot.number, slot.capacity, fd=slot.fd)
        return slot


class SideSocket:
    """Where clients of this user on this machine get their slots."""

    def __init__(self, max_bytes_per_client=256 << 20):
        self.name = f"synthcap-{secrets.token_hex(8)}"
        self._max_bytes = max_bytes_per_client
        self._clients = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind("\0" + self.name)
        self._listener.listen()
        threading.Thread(target=self._welcome, daemon=True).start()

    def client(self, token):
        """The client with this token (bytes), if there is one."""
        return self._clients.get(token)

    def _welcome(self):
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            _, uid, _ = struct.unpack("iii", credentials)
            if uid != os.geteuid() or uid == UNKNOWN_UID:
                return
            client = Client(connection, self.name, self._max_bytes)
            self._clients[client.token] = client
            # A client never says anything: whatever comes is its end. With the
            # last reference to its slots their memory goes too.
            connection.recv(1)
            del self._clients[client.token]
