// One NIC's end on the host: a tap in the pod's network namespace, which a bridge joins with a link there.
#pragma once

#include "bridge.hpp"
#include "links/rate_limit.hpp"
#include "links/tap.hpp"

#include <nacre/sdk/network.hpp>

#include <memory>
#include <optional>
#include <string>

namespace nacre::veth {

class Endpoint : public sdk::Endpoint {
public:
  Endpoint(sdk::Host host, const sdk::EndpointRequest& request, const links::RateLimits& limits);

  sdk::Device device() override { return tap_.device(); }
  sdk::Binding bind(const sdk::Call& call, const sdk::Link& link, int netns_fd) override;
  void unbind(const sdk::Call& call) override;
  nacre_endpoint_stats stats() override;

private:
  void join(const sdk::Link& link);

  sdk::Host host_;
  links::RateLimits limits_;
  std::string bridge_name_;
  std::shared_ptr<links::Netlink> netlink_; // of the tap's namespace
  links::Tap tap_;
  std::optional<Bridge> bridge_; // while bound
  sdk::Change answers_, limit_;  // of the link
};

} // namespace nacre::veth
