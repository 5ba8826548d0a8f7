#include "config/problems.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <tuple>

namespace nacre::config {
namespace {

// Edit distance in which a swap of neighbours counts once: the usual slips of typing.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j)
    cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  return cost[a.size()][b.size()];
}

// One line of bounded length: it quotes what a file holds, and that may be anything.
std::string readable(std::string text) {
  constexpr std::size_t longest = 1000;
  if (text.size() > longest) {
    auto end = longest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
      --end; // not within a character
    text.resize(end);
    text += " ...";
  }
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

} // namespace

void Problems::add(Origin origin, std::string text) {
  problems_.push_back({std::move(origin), readable(std::move(text))});
}

void Problems::note(Origin origin, std::string text) {
  notices_.push_back({std::move(origin), readable(std::move(text))});
}

std::string Problems::text() const {
  return lines_of(problems_);
}

std::string lines_of(std::vector<Problem> problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.origin.file, a.origin.line, a.origin.column) <
           std::tie(b.origin.file, b.origin.line, b.origin.column);
  });
  std::string out;
  for (const auto& problem : problems) {
    if (!out.empty()) out += '\n';
    if (!problem.origin.is_default()) out += problem.origin.text() + ": ";
    out += problem.text;
  }
  return out;
}

void Problems::throw_if_any() const {
  if (problems_.empty()) return;
  Error error(ErrorCode::invalid_argument, "configuration");
  error.because((problems_.size() > 1 ? std::to_string(problems_.size()) + " errors\n" : "") + text());
  throw error;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > 128) return {}; // no typing mistake
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const auto d = distance(word, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

} // namespace nacre::config
