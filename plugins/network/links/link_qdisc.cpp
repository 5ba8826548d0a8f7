#include "link_qdisc.hpp"

#include "link_change.hpp"
#include "traffic_control.hpp"

namespace nacre::links {
namespace {

// `add` is made after its record. What existed before is not ours to remove.
template <typename Add> sdk::Change changed(sdk::Change change, Add&& add) {
  try {
    add();
  } catch (const sdk::Error& failure) {
    if (failure.code() == NACRE_E_ALREADY_EXISTS)
      change.forget();
    else
      change.undo();
    throw;
  }
  return change;
}

} // namespace

sdk::Change hold_ingress(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                         const sdk::Link& link) {
  const auto record = LinkChange::of(LinkChange::What::ingress_qdisc, netns_fd, link.name, link.index);
  return changed(
      host.change(record.text(), [netlink, index = link.index,
                                  name = link.name] { remove_ingress_qdisc(*netlink, index, name); }),
      [&] { add_ingress_qdisc(*netlink, link.index, link.name); });
}

sdk::Change limit_link(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd,
                       const sdk::Link& link, std::uint64_t bits_per_second) {
  const auto record = LinkChange::of(LinkChange::What::root_qdisc, netns_fd, link.name, link.index);
  try {
    return changed(
        host.change(record.text(), [netlink, index = link.index,
                                    name = link.name] { remove_rate_limit(*netlink, index, name); }),
        [&] { add_rate_limit(*netlink, link.index, link.name, bits_per_second, link.mtu); });
  } catch (const sdk::Error& failure) {
    if (failure.code() != NACRE_E_ALREADY_EXISTS) throw;
    throw sdk::Error(
        NACRE_E_PRECONDITION,
        "link \"" + link.name +
            "\" has a root qdisc of its own, which a limit of what the guest sends would replace; "
            "remove it (tc qdisc del dev " +
            link.name + " root), or tx_rate_limiter_max_rate");
  }
}

} // namespace nacre::links
