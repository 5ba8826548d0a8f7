#include "events_stream.hpp"

namespace nacre::agent {

grpc::ServerWriteReactor<v1::Event>* EventsStream::begin(EventLog& log, std::uint64_t after) {
  std::shared_ptr<EventsStream> stream(new EventsStream(log));
  stream->self_ = stream;
  log.attach(stream, after);
  return stream.get();
}

void EventsStream::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ending_) {
      Finish(grpc::Status::OK);
      return;
    }
  }
  if (ok) {
    log_.event_sent(this);
  } else {
    finish();
  }
}

void EventsStream::OnCancel() {
  finish();
}

void EventsStream::OnDone() {
  log_.detach(this);
  const auto self = std::move(self_); // the last reference may go here
}

void EventsStream::send(v1::Event event) {
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  writing_ = true;
  outgoing_ = std::move(event);
  StartWrite(&outgoing_);
}

void EventsStream::finish() {
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  ending_ = true;
  if (!writing_) Finish(grpc::Status::OK);
}

} // namespace nacre::agent
