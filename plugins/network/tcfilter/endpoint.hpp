// One NIC's end on the host: a tap in the pod's network namespace, and its binding to a link there.
#pragma once

#include "links/netlink.hpp"
#include "links/rate_limit.hpp"
#include "links/tap.hpp"

#include <nacre/sdk/network.hpp>

#include <memory>

namespace nacre::tcfilter {

class Endpoint : public sdk::Endpoint {
public:
  Endpoint(sdk::Host host, const sdk::EndpointRequest& request, const links::RateLimits& limits);

  sdk::Device device() override { return tap_.device(); }
  sdk::Binding bind(const sdk::Call& call, const sdk::Link& link, int netns_fd) override;
  void unbind(const sdk::Call& call) override;
  nacre_endpoint_stats stats() override;

private:
  sdk::Host host_;
  links::RateLimits limits_;
  std::shared_ptr<links::Netlink> netlink_; // of the tap's namespace
  links::Tap tap_;
  sdk::Change qdisc_, limit_; // of the link
};

} // namespace nacre::tcfilter
