// A change of a link as an undo record, and the way back to its network namespace in a later process.
#pragma once

#include <nacre/sdk/fd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::tcfilter {

// "An ingress qdisc was added to `link`."
struct QdiscRecord {
  std::uint64_t netns_device = 0, netns_inode = 0; // of the namespace's file in nsfs
  std::string netns_path;                          // where it was found; may be meaningless later
  std::string link;
  std::uint32_t index = 0;

  static QdiscRecord of(int netns_fd, std::string link, std::uint32_t index);
  std::string text() const;
  static QdiscRecord parse(std::string_view text); // throws NACRE_E_INVALID_ARGUMENT
};

// The namespace, if anything on this host still holds it by a mount or a process. A namespace that nobody
// holds does not exist any more, and its links and qdiscs are gone with it.
std::optional<sdk::Fd> find_netns(const QdiscRecord& record);

} // namespace nacre::tcfilter
