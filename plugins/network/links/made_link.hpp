// A link of our own in the pod's network namespace: there while this is, and undone by its record after that.
#pragma once

#include "netlink.hpp"

#include <nacre/sdk/host.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nacre::links {

// The name of a link that belongs to the NIC with this number: "tap0_nacre". Throws when there is none.
std::string own_name(const std::string& prefix, std::uint32_t number);
// Throws when there is a link of that name.
void refuse_taken(const Netlink& netlink, const std::string& name);

struct LinkPlan {
  struct Attribute {
    int type; // of the kind's own, in linux/if_link.h
    std::vector<std::uint8_t> bytes;
  };
  std::string name;
  std::string kind;        // IFLA_INFO_KIND
  std::uint32_t below = 0; // index of the link that it sits on; 0: none
  std::vector<Attribute> attributes{};
};

class MadeLink {
public:
  MadeLink() = default;
  MadeLink(const sdk::Host& host, std::shared_ptr<Netlink> netlink, int netns_fd, const LinkPlan& plan);

  std::uint32_t index() const { return index_; }
  const std::string& name() const { return name_; }
  void remove(); // throws, and then its record stays

private:
  std::string name_;
  std::uint32_t index_ = 0;
  sdk::Change change_;
};

} // namespace nacre::links
