#include "agent_client/event_stream.hpp"

#include "agent_client/status_error.hpp"
#include "agent_client/transport.hpp"

#include <utility>

namespace nacre::agent_client {

struct EventStream::Impl : Completion {
  enum class Step { start, read, finish };

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
    auto& transport = client->transport();
    stream = transport.stub->PrepareAsyncEvents(&context, request, &transport.queue);
    stream->StartCall(static_cast<Completion*>(this));
  }

  void completed(bool ok) override {
    if (step == Step::finish) return was_finished();
    if (step == Step::read && ok) deliver();
    if (ok) {
      step = Step::read;
      stream->Read(&event, static_cast<Completion*>(this));
    } else {
      step = Step::finish;
      stream->Finish(&status, static_cast<Completion*>(this));
    }
  }

  void deliver() {
    if (event.number() <= last) return; // sent again
    last = event.number();
    if (const auto handler = callbacks.event) handler(event);
  }

  void was_finished() {
    const auto self = std::exchange(owner, nullptr);
    const auto ended = std::exchange(callbacks.ended, nullptr);
    if (!ended) return;
    if (status.ok()) return ended(std::nullopt);
    ended(to_error(status, "follow the guest's events", {}));
  }

  std::shared_ptr<AgentClient> client;
  Callbacks callbacks;
  std::shared_ptr<EventStream> owner;
  std::uint64_t last;
  grpc::ClientContext context;
  v1::EventsRequest request;
  v1::Event event;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncReader<v1::Event>> stream;
  Step step = Step::start;
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
  impl_->context.TryCancel();
}

} // namespace nacre::agent_client
