#include "rate_limit.hpp"

#include "link_qdisc.hpp"
#include "traffic_control.hpp"

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace nacre::links {
namespace {

constexpr std::uint64_t lowest = 8000;

std::uint64_t limit_of(const sdk::Options& options, const std::string& key) {
  const auto rate = static_cast<std::uint64_t>(options.integer_or(key, 0));
  if (rate != 0 && rate < lowest)
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "\"" + key + "\" is " + std::to_string(rate) +
                         " bit/s, which is less than the 8000 that can be kept to; give "
                         "more, or 0 for no limit");
  return rate;
}

} // namespace

RateLimits RateLimits::of(const sdk::Options& options) {
  return {limit_of(options, "rx_rate_limiter_max_rate"), limit_of(options, "tx_rate_limiter_max_rate")};
}

sdk::Probe probe_taps(const sdk::Options& options) {
  RateLimits::of(options);
  if (::access("/dev/net/tun", R_OK | W_OK) != 0)
    return sdk::Probe::skip(std::string("/dev/net/tun cannot be used: ") + ::strerrordesc_np(errno) +
                            "; load the tun module");
  return sdk::Probe::ok();
}

sdk::Change limit_tap_and_link(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                               const RateLimits& limits, const Tap& tap, const sdk::Link& link) {
  if (limits.into_guest != 0) add_rate_limit(*netlink, tap.index(), tap.name(), limits.into_guest, link.mtu);
  if (limits.out_of_guest == 0) return {};
  return limit_link(host, netlink, netns_fd, link, limits.out_of_guest);
}

} // namespace nacre::links
