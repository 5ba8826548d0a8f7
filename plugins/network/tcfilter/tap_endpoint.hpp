// One NIC's end on the host: a tap in the pod's network namespace, and its binding to a link there.
#pragma once

#include "netlink.hpp"

#include <nacre/sdk/network.hpp>

#include <memory>
#include <optional>
#include <string>

namespace nacre::tcfilter {

// Name of the tap with this number, and whether a link's name is such a one.
std::string tap_name(std::uint32_t index);
bool is_tap_name(const std::string& name);

class TapEndpoint : public sdk::Endpoint {
public:
  TapEndpoint(sdk::Host host, const sdk::EndpointRequest& request);

  sdk::Device device() override;
  sdk::Binding bind(const sdk::Call& call, const sdk::Link& link, int netns_fd) override;
  void unbind(const sdk::Call& call) override;
  nacre_endpoint_stats stats() override;

private:
  void spare_answers_of(const sdk::Link& link);

  sdk::Host host_;
  sdk::Device device_;
  std::string tap_;
  std::shared_ptr<Netlink> netlink_; // of the tap's namespace
  std::uint32_t tap_index_ = 0;
  sdk::Change change_; // the link's qdisc
};

// Plays a record back.
void undo(const sdk::Host& host, std::string_view record);

} // namespace nacre::tcfilter
