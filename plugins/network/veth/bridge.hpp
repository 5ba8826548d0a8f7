// A bridge between two links that is a piece of wire: what one receives, the other sends, and nothing stays.
#pragma once

#include "links/made_link.hpp"
#include "links/netlink.hpp"

#include <nacre/sdk/links.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace nacre::veth {

class Bridge {
public:
  Bridge() = default;
  // Without ports; forwards nothing yet.
  Bridge(const sdk::Host& host, std::shared_ptr<links::Netlink> netlink, int netns_fd, std::string name);

  // `mac`: of the link itself; null: the bridge may answer for that one.
  void add_port(std::uint32_t index, const std::string& name, const sdk::Mac* mac) const;
  void open() const; // it forwards from now on
  void remove() { link_.remove(); }

private:
  std::shared_ptr<links::Netlink> netlink_;
  links::MadeLink link_;
};

} // namespace nacre::veth
