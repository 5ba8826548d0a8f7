#include "plugin/pairs.hpp"

#include "base/error.hpp"
#include "plugin/option_defaults.hpp"
#include "plugin/plan.hpp"

#include <functional>
#include <optional>

namespace nacre::plugin {
namespace {

// What a storage or network plugin needs, or why it cannot say.
struct Asked {
  Kind kind;
  std::string name;
  Need need;
  std::string refusal;
};

Need need_of_plugin(const Plugin& plugin, HostEnvironment& environment) {
  const std::string options = option_defaults(plugin.options_schema());
  if (plugin.kind() == Kind::storage) {
    Storage storage(plugin, environment, Limits::none(), options);
    return need_of(storage, "");
  }
  Network network(plugin, environment, Limits::none(), options);
  return need_of(network, "");
}

// "": it went well.
std::string refusal_of(const std::function<void()>& step) {
  try {
    step();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

std::vector<Asked> ask_all(Registry& registry, const std::vector<Registry::Entry>& entries,
                           HostEnvironment& environment) {
  std::vector<Asked> asked;
  for (const auto& entry : entries) {
    if (entry.kind != Kind::storage && entry.kind != Kind::network) continue;
    Asked one{entry.kind, entry.name, {}, {}};
    one.refusal =
        refusal_of([&] { one.need = need_of_plugin(registry.load(entry.kind, entry.name), environment); });
    asked.push_back(std::move(one));
  }
  return asked;
}

} // namespace

std::vector<Pair> all_pairs(Registry& registry) {
  HostEnvironment nothing; // handles are made without side effects, so they are lent no means for any
  const auto entries = registry.list();
  const auto asked = ask_all(registry, entries, nothing);
  std::vector<Pair> pairs;
  for (const auto& entry : entries) {
    if (entry.kind != Kind::hypervisor) continue;
    std::optional<Vm> vm;
    const std::string refusal = refusal_of([&] {
      const Plugin& plugin = registry.load(entry.kind, entry.name);
      vm.emplace(
          Hypervisor(plugin).create(nothing, Limits::none(), option_defaults(plugin.options_schema())));
    });
    for (const auto& other : asked) {
      Pair pair{entry.name, other.kind, other.name, refusal.empty() ? other.refusal : refusal};
      if (pair.refusal.empty())
        pair.refusal = refusal_of([&] { make_plan(offer_of(*vm, ""), {other.need}); });
      pairs.push_back(std::move(pair));
    }
  }
  return pairs;
}

} // namespace nacre::plugin
