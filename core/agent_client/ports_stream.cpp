#include "agent_client/ports_stream.hpp"

#include "agent_client/frame_stream.hpp"

#include <utility>

namespace nacre::agent_client {

using Frame = v1::PortsFrame;

namespace {

constexpr std::size_t most_unsent = 256;
constexpr std::size_t longest_problem = 512;

} // namespace

struct PortsStream::Impl {
  std::shared_ptr<FrameStream<Frame>> frames;
};

PortsStream::PortsStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PortsStream::~PortsStream() = default;

std::shared_ptr<PortsStream> PortsStream::open(std::shared_ptr<AgentClient> client, Callbacks callbacks) {
  FrameStream<Frame>::Callbacks taken;
  taken.ended = std::move(callbacks.ended);
  taken.frame = [told = std::move(callbacks)](Frame&& incoming) {
    if (incoming.has_list())
      told.list(incoming.list());
    else if (incoming.has_datagram())
      told.datagram(std::move(*incoming.mutable_datagram()));
    else if (!incoming.problem().empty())
      told.problem(incoming.problem().substr(0, longest_problem));
    return true;
  };
  auto impl = std::make_unique<Impl>();
  impl->frames = FrameStream<Frame>::open(std::move(client), "/nacre.agent.v1.Ports/Share",
                                          "share the ports of a network namespace", std::move(taken));
  return std::shared_ptr<PortsStream>(new PortsStream(std::move(impl)));
}

void PortsStream::tell(const v1::PortsFrame::List& list) {
  Frame frame;
  *frame.mutable_list() = list;
  impl_->frames->send(frame);
}

void PortsStream::send(Frame::Datagram datagram) {
  if (impl_->frames->unsent() >= most_unsent) return;
  Frame frame;
  *frame.mutable_datagram() = std::move(datagram);
  impl_->frames->send(frame);
}

void PortsStream::cancel() {
  impl_->frames->cancel();
}

} // namespace nacre::agent_client
