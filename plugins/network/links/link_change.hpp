// A change of the pod's network namespace as an undo record, and the way back to the namespace in a later
// process.
#pragma once

#include <nacre/sdk/fd.hpp>
#include <nacre/sdk/host.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::links {

struct LinkChange {
  enum class What {
    ingress_qdisc, // was added to the link
    root_qdisc,    // the same, one that limits the rate
    made_link,     // the link itself
  };
  What what = What::ingress_qdisc;
  std::uint64_t netns_device = 0, netns_inode = 0; // of the namespace's file in nsfs
  std::string netns_path;                          // where it was found; may be meaningless later
  std::string link;
  std::uint32_t index = 0;

  static LinkChange of(What what, int netns_fd, std::string link, std::uint32_t index);
  std::string text() const;
  static LinkChange parse(std::string_view text); // throws NACRE_E_INVALID_ARGUMENT
};

// The namespace, if anything on this host still holds it by a mount or a process. A namespace that nobody
// holds does not exist any more, and its links and qdiscs are gone with it.
std::optional<sdk::Fd> find_netns(const LinkChange& change);

// Plays a record back: undo() of each plugin that uses these.
void undo(const sdk::Host& host, std::string_view record);

} // namespace nacre::links
