#include "dns_stream.hpp"

#include "status.hpp"

namespace nacre::agent {

grpc::ServerBidiReactor<v1::DnsFrame, v1::DnsFrame>* DnsStream::begin(DnsRelay& relay) {
  std::shared_ptr<DnsStream> stream(new DnsStream(relay));
  stream->self_ = stream;
  relay.attach(stream);
  stream->StartRead(&stream->incoming_);
  return stream.get();
}

void DnsStream::OnReadDone(bool ok) {
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

void DnsStream::handle(const v1::DnsFrame& frame) {
  if (frame.has_listen()) {
    v1::DnsFrame reply;
    reply.mutable_listening()->set_problem(relay_.listen(this, frame.listen()));
    send(std::move(reply));
  } else if (frame.has_message()) {
    relay_.answer(this, frame.message());
  }
}

void DnsStream::send(v1::DnsFrame frame) {
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  waiting_.push_back(std::move(frame));
  if (!writing_) write_next();
}

void DnsStream::write_next() {
  if (waiting_.empty()) return;
  writing_ = true;
  StartWrite(&waiting_.front());
}

void DnsStream::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    waiting_.pop_front();
    if (ending_) {
      Finish(status_);
      return;
    }
    if (ok) {
      write_next();
      return;
    }
  }
  end(grpc::Status::CANCELLED);
}

void DnsStream::OnCancel() {
  end(grpc::Status::CANCELLED);
}

void DnsStream::OnDone() {
  const auto self = std::move(self_); // the last reference may go here
  relay_.detach(this);
}

void DnsStream::end(grpc::Status status) {
  relay_.detach(this);
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  ending_ = true;
  status_ = std::move(status);
  if (!writing_) Finish(status_);
}

} // namespace nacre::agent
