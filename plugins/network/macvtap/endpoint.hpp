// One NIC's end on the host: a macvtap on a link of the pod's network namespace.
#pragma once

#include "links/made_link.hpp"
#include "links/netlink.hpp"
#include "links/rate_limit.hpp"

#include <nacre/sdk/network.hpp>

#include <memory>
#include <optional>

namespace nacre::macvtap {

class Endpoint : public sdk::Endpoint {
public:
  Endpoint(sdk::Host host, const sdk::EndpointRequest& request, const links::RateLimits& limits);

  sdk::Device device() override { return std::move(device_); }
  sdk::Binding bind(const sdk::Call& call, const sdk::Link& link, int netns_fd) override;
  void unbind(const sdk::Call& call) override;
  nacre_endpoint_stats stats() override;

private:
  void limit(const sdk::Link& link, int netns_fd);

  sdk::Host host_;
  links::RateLimits limits_;
  std::uint32_t number_, link_index_;
  std::shared_ptr<links::Netlink> netlink_; // of the link's namespace
  std::optional<links::MadeLink> macvtap_;
  sdk::Device device_;
  bool bound_ = false;
  sdk::Change answers_;                    // of the link
  std::optional<links::MadeLink> waiting_; // an ifb, where what the guest receives waits for its rate
};

} // namespace nacre::macvtap
