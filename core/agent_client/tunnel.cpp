#include "agent_client/tunnel.hpp"

#include "agent_client/status_error.hpp"
#include "agent_client/stdio_input.hpp"
#include "agent_client/stdio_output.hpp"
#include "agent_client/transport.hpp"

#include <utility>

namespace nacre::agent_client {

using Frame = v1::TunnelFrame;

// Lives as long as the channel has an operation of it under way, or output waits for its reader.
struct Tunnel::Impl : std::enable_shared_from_this<Impl> {
  // One kind of operation; a member, so that its address is the tag.
  struct Operation : Completion {
    explicit Operation(void (Impl::*then)(bool)) : handler(then) {}
    Completion& by(std::shared_ptr<Impl> tunnel) {
      owner = std::move(tunnel);
      return *this;
    }
    bool under_way() const noexcept { return owner != nullptr; }
    void completed(bool ok) override {
      const auto tunnel = std::exchange(owner, nullptr); // keeps us alive to the end of this function
      (tunnel.get()->*handler)(ok);
    }
    void (Impl::*handler)(bool);
    std::shared_ptr<Impl> owner;
  };

  Impl(std::shared_ptr<AgentClient> agent, std::string what, Callbacks functions)
      : client(std::move(agent)), purpose(std::move(what)), callbacks(std::move(functions)) {
    client->transport().begin_use();
  }
  ~Impl() {
    client->loop().remove(peer_watch);
    stream.reset();
    client->transport().end_use();
  }

  void begin(const char* method, const Frame::Open& first) {
    *outgoing.mutable_open() = first;
    stream = client->transport().channel->open(method_path(method).c_str());
    stream->start(starting.by(shared_from_this()));
  }

  void join(UniqueFd socket) {
    if (ending) return;
    peer = socket.duplicate();
    input.emplace(client->loop(), socket.duplicate(), [this] { write(); });
    output.emplace(client->loop(), std::move(socket), [this] { output_moved(); });
    output->shut_down_at_end();
    // With no event asked for, only the hang-up of a socket that the peer has closed whole is told.
    peer_watch = client->loop().add(peer.get(), 0, [this](std::uint32_t) { peer_gone(); });
    if (starting.under_way()) return;
    input->start();
    read();
  }

  void started(bool ok) {
    if (!ok) return end();
    stream->write(outgoing.SerializeAsString(), writing.by(shared_from_this()));
    if (input) input->start();
    read();
  }

  // Not before the last piece was taken: a reader that sleeps stops the guest's end, and nothing grows.
  void read() {
    if (ending || reading.under_way() || (answered && (!output || output->waiting()))) return;
    stream->read(bytes, reading.by(shared_from_this()));
  }

  void was_read(bool ok) {
    if (!ok) return end();
    Frame incoming;
    const bool understood = incoming.ParseFromString(std::exchange(bytes, {}));
    if (understood && !std::exchange(answered, true))
      if (const auto tell = std::exchange(callbacks.answered, nullptr)) tell();
    if (!understood || !deliver(incoming)) {
      stream->cancel();
      return end();
    }
    read();
  }

  // False: the guest breaks the protocol.
  bool deliver(const Frame& incoming) {
    const auto offset = received;
    received += incoming.data().size();
    if (!incoming.has_data() && !incoming.eof()) return true;
    return output && output->accept(offset, incoming.data(), incoming.eof());
  }

  void write() {
    if (ending || !stream || starting.under_way() || writing.under_way() || closed) return;
    StdioInput::Chunk chunk;
    outgoing.Clear();
    if (std::exchange(eof_due, false)) {
      outgoing.set_eof(true);
    } else if (!input || !input->next(chunk)) {
      return close_if_peer_gone();
    } else if (chunk.bytes.empty()) {
      outgoing.set_eof(true);
    } else {
      outgoing.set_data(chunk.bytes.data(), chunk.bytes.size());
      sent = chunk.offset + chunk.bytes.size();
      eof_due = chunk.eof;
    }
    eof_sent = eof_sent || outgoing.eof();
    stream->write(outgoing.SerializeAsString(), writing.by(shared_from_this()));
  }

  void written(bool ok) {
    if (!ok) return finish_if_idle(); // the read fails as well and ends the stream
    if (input) input->acknowledged(sent);
    write();
    finish_if_idle();
  }

  void close_if_peer_gone() {
    if (!eof_sent || peer_watch != 0) return;
    closed = true;
    stream->writes_done(writing.by(shared_from_this()));
  }

  void output_moved() {
    const auto self = shared_from_this();
    if (output->done())
      draining.reset();
    else if (stream && !starting.under_way())
      read();
  }

  void peer_gone() {
    client->loop().remove(std::exchange(peer_watch, 0));
    write();
  }

  void end() {
    ending = true;
    finish_if_idle();
  }

  // gRPC wants no operation under way that was started before.
  void finish_if_idle() {
    if (!ending || finished || writing.under_way() || reading.under_way()) return;
    finished = true;
    stream->finish(status, finishing.by(shared_from_this()));
  }

  void was_finished(bool) {
    client->loop().remove(std::exchange(peer_watch, 0));
    peer.reset();
    if (input) input->abandon();
    if (output && output->waiting()) draining = shared_from_this();
    if (output && !output->done()) output->accept(received, {}, true);
    const auto ended = std::exchange(callbacks.ended, nullptr);
    callbacks = {};
    if (!ended) return;
    if (status.ok()) return ended(std::nullopt);
    ended(to_error(status, purpose, {}));
  }

  void cancel() {
    callbacks = {};
    stream->cancel();
    client->loop().remove(std::exchange(peer_watch, 0));
    peer.reset();
    if (input) input->abandon();
    if (output) output->abandon();
    draining.reset();
    if (!starting.under_way() && !reading.under_way()) end(); // no read is there to fail
  }

  std::shared_ptr<AgentClient> client;
  const std::string purpose;
  Callbacks callbacks;
  UniqueFd peer;
  IoLoop::Id peer_watch = 0; // of the socket, while its peer has it
  std::optional<StdioInput> input;
  std::optional<StdioOutput> output;
  std::uint64_t sent = 0, received = 0;
  bool answered = false, eof_due = false, eof_sent = false, closed = false, ending = false, finished = false;
  std::shared_ptr<Impl> draining; // ourselves, while output is left after the stream's end
  std::unique_ptr<RpcStream> stream;
  std::string bytes;
  Frame outgoing;
  RpcStatus status;
  Operation starting{&Impl::started}, reading{&Impl::was_read}, writing{&Impl::written},
      finishing{&Impl::was_finished};
};

Tunnel::Tunnel(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tunnel::~Tunnel() = default;

std::shared_ptr<Tunnel> Tunnel::open(std::shared_ptr<AgentClient> client, const char* method,
                                     const v1::TunnelFrame::Open& first, std::string purpose,
                                     Callbacks callbacks) {
  auto impl = std::make_shared<Impl>(std::move(client), std::move(purpose), std::move(callbacks));
  std::shared_ptr<Tunnel> tunnel(new Tunnel(impl));
  impl->begin(method, first);
  return tunnel;
}

void Tunnel::join(UniqueFd socket) {
  impl_->join(std::move(socket));
}

void Tunnel::cancel() {
  impl_->cancel();
}

} // namespace nacre::agent_client
