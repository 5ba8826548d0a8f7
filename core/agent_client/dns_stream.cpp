#include "agent_client/dns_stream.hpp"

#include "agent_client/frame_stream.hpp"

#include <utility>

namespace nacre::agent_client {

using Frame = v1::DnsFrame;

struct DnsStream::Impl {
  std::shared_ptr<FrameStream<Frame>> frames;
};

DnsStream::DnsStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DnsStream::~DnsStream() = default;

std::shared_ptr<DnsStream> DnsStream::open(std::shared_ptr<AgentClient> client, Callbacks callbacks) {
  FrameStream<Frame>::Callbacks taken;
  taken.frame = [query = std::move(callbacks.query),
                 listening = std::move(callbacks.listening)](Frame&& incoming) {
    if (incoming.has_listening()) {
      if (listening) listening(incoming.listening().problem().substr(0, 512));
    } else if (incoming.has_message() && query) {
      return query(std::move(*incoming.mutable_message()));
    }
    return true;
  };
  taken.ended = std::move(callbacks.ended);
  auto impl = std::make_unique<Impl>();
  impl->frames =
      FrameStream<Frame>::open(std::move(client), "Dns", "carry name queries of the guest", std::move(taken));
  return std::shared_ptr<DnsStream>(new DnsStream(std::move(impl)));
}

void DnsStream::listen(const std::vector<std::uint32_t>& addresses) {
  Frame frame;
  auto& listen = *frame.mutable_listen();
  for (const auto& address : addresses)
    listen.add_addresses(&address, sizeof address);
  impl_->frames->send(frame);
}

void DnsStream::answer(std::uint32_t id, std::string bytes) {
  Frame frame;
  frame.mutable_message()->set_id(id);
  frame.mutable_message()->set_bytes(std::move(bytes));
  impl_->frames->send(frame);
}

void DnsStream::read_on() {
  impl_->frames->read_on();
}

void DnsStream::cancel() {
  impl_->frames->cancel();
}

} // namespace nacre::agent_client
