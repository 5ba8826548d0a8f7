#include "plugin/savable.hpp"

#include "base/error.hpp"

#include <nacre/plugin/storage.h>

#include <algorithm>

namespace nacre::plugin {
namespace {

bool offers(const Registry::Entry& entry, std::uint64_t wanted) {
  return entry.kind == Kind::storage && entry.status == LoadStatus::ok &&
         (capability_bits(Kind::storage, entry.identity.capabilities) & wanted) == wanted;
}

std::string remedy(const std::vector<Registry::Entry>& installed) {
  const auto found = std::ranges::find_if(
      installed, [](const auto& entry) { return offers(entry, NACRE_ST_BLOCK | NACRE_ST_SURVIVES_SAVE); });
  if (found == installed.end()) return "install a storage plugin for block devices, which can be saved";
  return "set storage = [\"" + found->name + "\"] in [runtime] of the configuration";
}

} // namespace

void require_savable(const std::vector<Registry::Entry>& installed, const std::vector<std::string>& storages,
                     const std::string& operation, const std::string& container) {
  for (const auto& name : storages) {
    const auto hinders = [&](const auto& entry) {
      return entry.kind == Kind::storage && entry.name == name && !offers(entry, NACRE_ST_SURVIVES_SAVE);
    };
    if (std::ranges::none_of(installed, hinders)) continue;
    throw Error(ErrorCode::failed_precondition, operation, container)
        .because("what storage plugin \"" + name + "\" shares with the guest cannot be saved")
        .hint(remedy(installed));
  }
}

} // namespace nacre::plugin
