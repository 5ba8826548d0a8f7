#include "stdio_stream.hpp"

#include "status.hpp"

namespace nacre::agent {

grpc::ServerBidiReactor<v1::StdioFrame, v1::StdioFrame>* StdioStream::begin(FindStdio find) {
  std::shared_ptr<StdioStream> stream(new StdioStream(std::move(find)));
  stream->self_ = stream;
  stream->StartRead(&stream->incoming_);
  return stream.get();
}

void StdioStream::OnReadDone(bool ok) {
  if (!ok) {
    end(grpc::Status::OK);
    return;
  }
  const auto status = as_status([&] { handle(incoming_); });
  if (!status.ok()) {
    end(status);
    return;
  }
  // An end that was asked for meanwhile leaves this read to be cancelled by gRPC.
  StartRead(&incoming_);
}

void StdioStream::handle(const v1::StdioFrame& frame) {
  std::shared_ptr<ProcessStdio> stdio;
  {
    const std::lock_guard lock(mutex_);
    stdio = stdio_;
  }
  if (stdio) {
    stdio->receive(this, frame);
    return;
  }
  if (!frame.has_open())
    throw Error(Code::invalid_argument, "the first frame of a stdio stream must be Open");
  stdio = find_(frame.open().container_id(), frame.open().exec_id());
  {
    const std::lock_guard lock(mutex_);
    stdio_ = stdio;
  }
  stdio->attach(shared_from_this(), frame.open());
}

void StdioStream::OnWriteDone(bool ok) {
  std::shared_ptr<ProcessStdio> stdio;
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ending_) {
      Finish(status_);
      return;
    }
    stdio = stdio_;
  }
  if (!ok) {
    end(grpc::Status::CANCELLED);
  } else if (stdio) {
    stdio->frame_sent(this);
  }
}

void StdioStream::OnCancel() {
  end(grpc::Status::CANCELLED);
}

void StdioStream::OnDone() {
  detach();
  const auto self = std::move(self_); // the last reference may go here
}

void StdioStream::send(v1::StdioFrame frame) {
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  writing_ = true;
  outgoing_ = std::move(frame);
  StartWrite(&outgoing_);
}

void StdioStream::finish() {
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  ending_ = true;
  status_ = grpc::Status::OK;
  if (!writing_) Finish(status_);
}

void StdioStream::fail(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  ending_ = true;
  status_ = status_of(error);
  if (!writing_) Finish(status_);
}

void StdioStream::end(grpc::Status status) {
  detach();
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  ending_ = true;
  status_ = std::move(status);
  if (!writing_) Finish(status_);
}

void StdioStream::detach() {
  std::shared_ptr<ProcessStdio> stdio;
  {
    const std::lock_guard lock(mutex_);
    stdio = stdio_;
  }
  if (stdio) stdio->detach(this);
}

} // namespace nacre::agent
