#include "agent_client/dns_stream.hpp"

#include "agent_client/status_error.hpp"
#include "agent_client/transport.hpp"

#include <deque>
#include <utility>

namespace nacre::agent_client {

using Frame = v1::DnsFrame;

struct DnsStream::Impl {
  // One kind of operation; a member, so that its address is the tag.
  struct Operation : Completion {
    Operation(Impl& impl, void (Impl::*then)(bool)) : owner(impl), handler(then) {}
    Completion& tag() {
      under_way = true;
      return *this;
    }
    void completed(bool ok) override {
      under_way = false;
      const auto stream = owner.self; // keeps us alive to the end of this function
      (owner.*handler)(ok);
    }
    Impl& owner;
    void (Impl::*handler)(bool);
    bool under_way = false;
  };

  Impl(std::shared_ptr<AgentClient> agent, Callbacks functions)
      : client(std::move(agent)), callbacks(std::move(functions)) {
    client->transport().begin_use();
  }
  ~Impl() {
    stream.reset();
    client->transport().end_use();
  }

  void begin(std::shared_ptr<DnsStream> owner) {
    self = std::move(owner); // released when the stream is over
    stream = client->transport().channel->open(method_path("Dns").c_str());
    stream->start(starting.tag());
  }

  void started(bool ok) {
    if (!ok) return end();
    write();
    read();
  }

  void read() {
    if (ending || starting.under_way || reading.under_way) return;
    stream->read(bytes, reading.tag());
  }

  void was_read(bool ok) {
    if (!ok) return end();
    Frame incoming;
    if (!incoming.ParseFromString(std::exchange(bytes, {}))) {
      stream->cancel();
      return end();
    }
    if (incoming.has_listening()) {
      if (callbacks.listening) callbacks.listening(incoming.listening().problem().substr(0, 512));
    } else if (incoming.has_message() && callbacks.query) {
      if (!callbacks.query(std::move(*incoming.mutable_message()))) return;
    }
    read();
  }

  void send(const Frame& frame) {
    if (ending) return;
    outgoing.push_back(frame.SerializeAsString());
    write();
  }

  void write() {
    if (ending || starting.under_way || writing.under_way || outgoing.empty()) return;
    stream->write(outgoing.front(), writing.tag());
  }

  void written(bool ok) {
    outgoing.pop_front();
    if (ok) write(); // else the read fails as well and ends the stream
    if (ending) finish();
  }

  void end() {
    if (std::exchange(ending, true)) return;
    finish();
  }

  // gRPC wants no operation under way that was started before.
  void finish() {
    if (writing.under_way || reading.under_way || finishing.under_way) return;
    stream->finish(status, finishing.tag());
  }

  void was_finished(bool) {
    const auto last = std::exchange(self, nullptr);
    const auto ended = std::exchange(callbacks.ended, nullptr);
    callbacks = {};
    if (!ended) return;
    if (status.ok()) return ended(std::nullopt);
    ended(to_error(status, "carry name queries of the guest", {}));
  }

  std::shared_ptr<AgentClient> client;
  Callbacks callbacks;
  std::shared_ptr<DnsStream> self;
  std::unique_ptr<RpcStream> stream;
  std::string bytes;                // filled by the read that is under way
  std::deque<std::string> outgoing; // the first is the channel's while a write is under way
  RpcStatus status;
  bool ending = false;
  Operation starting{*this, &Impl::started}, reading{*this, &Impl::was_read}, writing{*this, &Impl::written},
      finishing{*this, &Impl::was_finished};
};

DnsStream::DnsStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DnsStream::~DnsStream() = default;

std::shared_ptr<DnsStream> DnsStream::open(std::shared_ptr<AgentClient> client, Callbacks callbacks) {
  auto impl = std::make_unique<Impl>(std::move(client), std::move(callbacks));
  std::shared_ptr<DnsStream> stream(new DnsStream(std::move(impl)));
  stream->impl_->begin(stream);
  return stream;
}

void DnsStream::listen(const std::vector<std::uint32_t>& addresses) {
  Frame frame;
  auto& listen = *frame.mutable_listen();
  for (const auto& address : addresses)
    listen.add_addresses(&address, sizeof address);
  impl_->send(frame);
}

void DnsStream::answer(std::uint32_t id, std::string bytes) {
  Frame frame;
  frame.mutable_message()->set_id(id);
  frame.mutable_message()->set_bytes(std::move(bytes));
  impl_->send(frame);
}

void DnsStream::read_on() {
  impl_->read();
}

void DnsStream::cancel() {
  impl_->callbacks = {};
  impl_->stream->cancel();
  if (!impl_->starting.under_way && !impl_->reading.under_way) impl_->end(); // no read is there to fail
}

} // namespace nacre::agent_client
