#include "agent_client/event_stream.hpp"

#include "agent_client/status_error.hpp"
#include "agent_client/transport.hpp"

#include <utility>

namespace nacre::agent_client {

struct EventStream::Impl : Completion {
  enum class Step { start, write, writes_done, read, finish, failed };

  Impl(std::shared_ptr<AgentClient> agent, std::uint64_t after, Callbacks functions)
      : client(std::move(agent)), callbacks(std::move(functions)), last(after) {
    client->transport().begin_use();
    request.set_after(after);
  }
  ~Impl() override {
    stream.reset();
    client->transport().end_use();
  }

  void begin(std::shared_ptr<EventStream> self) {
    owner = std::move(self); // released when the stream is over
    stream = client->transport().channel->open(method_path("Events").c_str());
    stream->start(*this);
  }

  void completed(bool ok) override {
    switch (ok ? step : step == Step::finish ? step : Step::failed) {
    case Step::start:
      step = Step::write;
      return stream->write(request.SerializeAsString(), *this);
    case Step::write:
      step = Step::writes_done;
      return stream->writes_done(*this);
    case Step::writes_done:
      return read();
    case Step::read:
      if (!deliver()) stream->cancel();
      return read();
    case Step::finish:
      return was_finished();
    case Step::failed:
      step = Step::finish;
      return stream->finish(status, *this);
    }
  }

  void read() {
    step = Step::read;
    stream->read(bytes, *this);
  }

  // False: the guest breaks the protocol.
  bool deliver() {
    v1::Event event;
    if (broken || !event.ParseFromString(bytes)) {
      broken = true;
      return false;
    }
    if (event.number() <= last) return true; // sent again
    last = event.number();
    if (const auto handler = callbacks.event) handler(event);
    return true;
  }

  void was_finished() {
    const auto self = std::exchange(owner, nullptr);
    const auto ended = std::exchange(callbacks.ended, nullptr);
    if (!ended) return;
    if (broken) return ended(unreadable_answer("follow the guest's events", {}));
    if (status.ok()) return ended(std::nullopt);
    ended(to_error(status, "follow the guest's events", {}));
  }

  std::shared_ptr<AgentClient> client;
  Callbacks callbacks;
  std::shared_ptr<EventStream> owner;
  std::uint64_t last;
  v1::EventsRequest request;
  std::string bytes;
  RpcStatus status;
  std::unique_ptr<RpcStream> stream;
  Step step = Step::start;
  bool broken = false;
};

EventStream::EventStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventStream::~EventStream() = default;

std::shared_ptr<EventStream> EventStream::open(std::shared_ptr<AgentClient> client, std::uint64_t after,
                                               Callbacks callbacks) {
  auto impl = std::make_unique<Impl>(std::move(client), after, std::move(callbacks));
  std::shared_ptr<EventStream> stream(new EventStream(std::move(impl)));
  stream->impl_->begin(stream);
  return stream;
}

std::uint64_t EventStream::last_number() const noexcept {
  return impl_->last;
}

void EventStream::cancel() {
  impl_->callbacks = {};
  impl_->stream->cancel();
}

} // namespace nacre::agent_client
