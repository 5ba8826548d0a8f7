#include "dns_stream.hpp"

#include <limits>

namespace nacre::agent {

grpc::ServerBidiReactor<v1::DnsFrame, v1::DnsFrame>* DnsStream::begin(DnsRelay& relay) {
  std::shared_ptr<DnsStream> stream(new DnsStream(relay));
  relay.attach(stream);
  stream->FrameStream::begin(stream);
  return stream.get();
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
  put(std::move(frame), std::numeric_limits<std::size_t>::max());
}

} // namespace nacre::agent
