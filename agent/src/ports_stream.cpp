#include "ports_stream.hpp"

namespace nacre::agent {

namespace {

constexpr std::size_t most_waiting = 256;

} // namespace

grpc::ServerBidiReactor<v1::PortsFrame, v1::PortsFrame>* PortsStream::begin(SharedPorts& ports) {
  std::shared_ptr<PortsStream> stream(new PortsStream(ports));
  ports.attach(stream);
  stream->FrameStream::begin(stream);
  return stream.get();
}

void PortsStream::handle(const v1::PortsFrame& frame) {
  if (frame.has_list())
    ports_.listen(this, frame.list());
  else if (frame.has_datagram())
    ports_.take(this, frame.datagram());
}

bool PortsStream::send(v1::PortsFrame frame) {
  return put(std::move(frame), most_waiting);
}

} // namespace nacre::agent
