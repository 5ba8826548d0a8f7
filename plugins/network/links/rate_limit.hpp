// Limits of the traffic of each NIC, as Kata's keys give them: bits in a second, 0 for none.
#pragma once

#include "netlink.hpp"
#include "tap.hpp"

#include <nacre/sdk/host.hpp>
#include <nacre/sdk/options.hpp>

#include <cstdint>
#include <memory>

namespace nacre::links {

inline constexpr char rate_limit_options[] = R"json([
{"key":"rx_rate_limiter_max_rate","type":"integer","default":0,"min":0,"max":17000000000,"unit":"bit/s","help":"what each NIC may receive, as the guest sees it; from 8000 on, 0: no limit"},
{"key":"tx_rate_limiter_max_rate","type":"integer","default":0,"min":0,"max":17000000000,"unit":"bit/s","help":"what each NIC may send, as the guest sees it; from 8000 on, 0: no limit"}
])json";

struct RateLimits {
  std::uint64_t into_guest = 0, out_of_guest = 0;

  static RateLimits of(const sdk::Options& options); // throws for one that is too low to carry anything
};

// What a plugin with taps and these options says of the host.
sdk::Probe probe_taps(const sdk::Options& options);

// For a tap that is joined with a link: a frame waits in the root qdisc of the one that it leaves by. The
// tap's limit is removed by remove_rate_limit(), the link's undone by what is returned.
sdk::Change limit_tap_and_link(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                               const RateLimits& limits, const Tap& tap, const sdk::Link& link);

} // namespace nacre::links
