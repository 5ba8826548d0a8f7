#include "plugin/report_json.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace nacre::plugin {
namespace {

namespace json = boost::json;

json::value identity_json(const Identity& identity) {
  if (identity.name.empty()) return nullptr; // the note could not be read
  json::array capabilities(identity.capabilities.begin(), identity.capabilities.end());
  return json::object{{"kind", identity.kind},
                      {"name", identity.name},
                      {"version", identity.version},
                      {"licence", identity.licence},
                      {"abi_major", identity.abi_major},
                      {"abi_minor", identity.abi_minor},
                      {"min_host_minor", identity.min_host_minor},
                      {"kind_version", identity.kind_version},
                      {"capabilities", std::move(capabilities)}};
}

json::object plugin_json(Kind kind, const std::string& name, const std::string& path, LoadStatus result,
                         const Identity& identity) {
  return {{"kind", to_string(kind)},
          {"name", name},
          {"path", path},
          {"result", to_string(result)},
          {"identity", identity_json(identity)}};
}

json::object finding_json(const Finding& finding) {
  json::object object{{"level", to_string(finding.level)},
                      {"result", to_string(finding.status)},
                      {"sentence", finding.sentence}};
  if (!finding.signal.empty()) object["signal"] = finding.signal;
  return object;
}

// The first error's; else what probe() said; else ok.
LoadStatus result_of(const Report& report) {
  for (const auto& finding : report.findings)
    if (finding.level == Finding::Level::error) return finding.status;
  for (const auto& finding : report.findings)
    if (finding.status != LoadStatus::ok) return finding.status;
  return LoadStatus::ok;
}

} // namespace

json::value list_json(const std::vector<Registry::Entry>& entries) {
  json::array list;
  for (const auto& entry : entries) {
    json::object object = plugin_json(entry.kind, entry.name, entry.path, entry.status, entry.identity);
    if (entry.status != LoadStatus::ok) object["sentence"] = entry.sentence;
    list.push_back(std::move(object));
  }
  return list;
}

json::value report_json(const Target& target, const Report& report) {
  json::object object =
      plugin_json(target.kind, target.name, target.path, result_of(report), report.identity);
  object["good"] = report.good();
  object["build"] = report.build;
  object["options"] = report.options.empty() ? json::value(nullptr) : json::parse(report.options);
  json::array findings;
  for (const auto& finding : report.findings)
    findings.push_back(finding_json(finding));
  object["findings"] = std::move(findings);
  return object;
}

json::value pairs_json(const std::vector<Pair>& pairs) {
  json::array list;
  for (const auto& pair : pairs) {
    json::object object{{"hypervisor", pair.hypervisor},
                        {"kind", to_string(pair.kind)},
                        {"name", pair.name},
                        {"fits", pair.refusal.empty()}};
    if (!pair.refusal.empty()) object["refusal"] = pair.refusal;
    list.push_back(std::move(object));
  }
  return list;
}

} // namespace nacre::plugin
