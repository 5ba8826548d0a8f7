#include "agent_client/stdio_stream.hpp"

#include "agent_client/status_error.hpp"
#include "agent_client/transport.hpp"

#include <utility>

namespace nacre::agent_client {

// Lives as long as the channel has one of its operations under way: each of them holds a reference.
struct StdioStream::Impl {
  // One kind of operation; a member, so that its address is the tag.
  struct Operation : Completion {
    explicit Operation(void (Impl::*then)(bool)) : handler(then) {}
    Completion& by(std::shared_ptr<StdioStream> stream) {
      owner = std::move(stream);
      return *this;
    }
    bool under_way() const noexcept { return owner != nullptr; }
    void completed(bool ok) override {
      const auto stream = std::exchange(owner, nullptr); // keeps us alive to the end of this function
      (stream->impl_.get()->*handler)(ok);
    }
    void (Impl::*handler)(bool);
    std::shared_ptr<StdioStream> owner;
  };

  Impl(std::shared_ptr<AgentClient> agent, Callbacks functions)
      : client(std::move(agent)), callbacks(std::move(functions)) {
    client->transport().begin_use();
  }
  ~Impl() {
    stream.reset();
    client->transport().end_use();
  }

  void begin() {
    stream = client->transport().channel->open(method_path("Stdio").c_str());
    stream->start(starting.by(self.lock()));
  }

  void started(bool ok) {
    if (!ok) return end();
    open = true;
    read();
    write();
  }

  void read() { stream->read(bytes, reading.by(self.lock())); }

  void was_read(bool ok) {
    if (!ok) return end();
    v1::StdioFrame incoming;
    if (!incoming.ParseFromString(std::exchange(bytes, {})) || // an idle stream owns no memory
        (callbacks.received && !callbacks.received(incoming))) {
      broken = true;
      stream->cancel();
      return end();
    }
    read();
  }

  void write() {
    if (!open || ending || writing.under_way() || half_closing) return;
    outgoing.Clear();
    if (callbacks.next && callbacks.next(outgoing)) {
      stream->write(outgoing.SerializeAsString(), writing.by(self.lock()));
    } else if (finished) {
      half_closing = true;
      stream->writes_done(writing.by(self.lock()));
    }
  }

  void written(bool ok) {
    if (ok) write(); // otherwise the read fails as well and ends the stream
  }

  void end() {
    if (ending) return;
    ending = true;
    stream->finish(status, finishing.by(self.lock()));
  }

  void was_finished(bool) {
    const auto ended = std::exchange(callbacks.ended, nullptr);
    callbacks = {};
    if (!ended) return;
    if (broken)
      ended(Error(ErrorCode::internal, "relay standard streams")
                .because("the agent broke the stream's protocol"));
    else if (status.ok())
      ended(std::nullopt);
    else
      ended(to_error(status, "relay standard streams", {}));
  }

  std::shared_ptr<AgentClient> client;
  Callbacks callbacks;
  std::weak_ptr<StdioStream> self;
  std::unique_ptr<RpcStream> stream;
  v1::StdioFrame outgoing;
  std::string bytes;
  RpcStatus status;
  Operation starting{&Impl::started}, reading{&Impl::was_read}, writing{&Impl::written},
      finishing{&Impl::was_finished};
  bool open = false, finished = false, half_closing = false, ending = false, broken = false;
};

StdioStream::StdioStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StdioStream::~StdioStream() = default;

std::shared_ptr<StdioStream> StdioStream::open(std::shared_ptr<AgentClient> client, Callbacks callbacks) {
  auto impl = std::make_unique<Impl>(std::move(client), std::move(callbacks));
  std::shared_ptr<StdioStream> stream(new StdioStream(std::move(impl)));
  stream->impl_->self = stream;
  stream->impl_->begin();
  return stream;
}

void StdioStream::wake() {
  impl_->write();
}

void StdioStream::finish() {
  impl_->finished = true;
  impl_->write();
}

void StdioStream::cancel() {
  impl_->callbacks = {};
  impl_->stream->cancel();
}

} // namespace nacre::agent_client
