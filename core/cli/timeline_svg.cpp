#include "cli/timeline_svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace nacre::cli {
namespace {

constexpr double label_width = 250, chart = 700, margin = 160;
constexpr double row_height = 20, head_height = 24, axis_top = 44;
constexpr double width_of_picture = label_width + chart + margin;
constexpr std::size_t longest_label = 32;
constexpr std::size_t crowd = 3; // so many phases of one name, and they share a line
constexpr std::size_t most_marks = 3;
constexpr double least_mark = 0.04; // of the total

struct Lane {
  const char *prefix, *title, *colour, *tint;
};
// The last takes what has none of the prefixes.
constexpr std::array<Lane, 3> lanes = {Lane{"create.", "nacre create", "#59a14f", "#f1f8ef"},
                                       Lane{"guest.", "guest", "#f28e2b", "#fff5ea"},
                                       Lane{"", "sandbox process, on the host", "#4e79a7", "#eef3f8"}};
constexpr std::array<std::size_t, 3> lane_order = {0, 2, 1}; // as a start goes down

const Lane& lane_of(const TimelinePhase& phase) {
  return *std::find_if(lanes.begin(), lanes.end(),
                       [&](const Lane& lane) { return phase.name.starts_with(lane.prefix); });
}

struct Part {
  double from = 0, to = 0; // ms
};

struct Row {
  std::string label;
  std::vector<const TimelinePhase*> phases;
  std::vector<Part> own_parts;
  double sum = 0; // ms
  double own = 0; // ms of own_parts
  bool marked = false;
};

double end_of(const TimelinePhase& phase) {
  return phase.start_ms + phase.duration_ms;
}

// What of the phase is not also time of a shorter phase that lies within it: there the time went.
std::vector<Part> own_parts(const TimelinePhase& phase, const std::vector<TimelinePhase>& all) {
  std::vector<Part> parts;
  double at = phase.start_ms;
  for (const auto& other : all) { // in the order of their start
    const bool within = other.start_ms >= phase.start_ms && end_of(other) <= end_of(phase);
    if (!within || other.duration_ms >= phase.duration_ms || end_of(other) <= at) continue;
    if (other.start_ms > at) parts.push_back({at, other.start_ms});
    at = end_of(other);
  }
  if (end_of(phase) > at) parts.push_back({at, end_of(phase)});
  return parts;
}

std::string shortened(const std::string& text) {
  return text.size() <= longest_label ? text : text.substr(0, longest_label - 3) + "...";
}

// An object that the title names already is not said again.
std::vector<Row> rows_of(const Lane& lane, const std::vector<TimelinePhase>& all, std::string_view title) {
  std::vector<Row> rows;
  const auto count = [&](const std::string& name) {
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const auto& phase) { return phase.name == name; }));
  };
  for (const auto& phase : all) {
    if (&lane_of(phase) != &lane) continue;
    const auto name = phase.name.substr(std::string_view(lane.prefix).size());
    const auto many = count(phase.name);
    const bool alone = phase.object.empty() || title.ends_with(" " + phase.object);
    auto label = many > crowd ? name + ", " + std::to_string(many) + " times"
                 : alone      ? name
                              : name + " (" + phase.object + ")";
    auto row = std::find_if(rows.begin(), rows.end(),
                            [&](const Row& other) { return many > crowd && other.label == label; });
    if (row == rows.end()) row = rows.insert(rows.end(), Row{std::move(label), {}, {}, 0, 0, false});
    row->phases.push_back(&phase);
    row->sum += phase.duration_ms;
    for (const auto& part : own_parts(phase, all)) {
      row->own_parts.push_back(part);
      row->own += part.to - part.from;
    }
  }
  return rows;
}

void mark_longest(std::array<std::vector<Row>, lanes.size()>& rows, double total) {
  std::vector<Row*> all;
  for (auto& lane : rows)
    for (auto& row : lane)
      if (row.own >= least_mark * total) all.push_back(&row);
  std::stable_sort(all.begin(), all.end(), [](const Row* a, const Row* b) { return a->own > b->own; });
  for (std::size_t i = 0; i < std::min(all.size(), most_marks); ++i)
    all[i]->marked = true;
}

template <class... Values> std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string time_text(double ms) {
  if (ms >= 1e5) return format("%.0f s", ms / 1000);
  return ms >= 10 ? format("%.0f ms", ms) : format("%.1f ms", ms);
}

std::string text_at(double x, double y, std::string_view attributes, std::string_view text) {
  return format("<text x=\"%.1f\" y=\"%.1f\" ", x, y) + std::string(attributes) + ">" + escaped(text) +
         "</text>\n";
}

// 1, 2 or 5 times a power of ten: about eight lines across the picture.
double step_of(double total) {
  const double power = std::pow(10, std::floor(std::log10(total / 8)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (total / (factor * power) <= 9) return factor * power;
  return 10 * power;
}

class Picture {
public:
  Picture(double total, double height) : total_(total), height_(height) {
    out_ = format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                  "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n",
                  width_of_picture, height) +
           "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  }

  void title(std::string_view words) {
    out_ += text_at(10, 20, "font-size=\"15\" font-weight=\"bold\"",
                    std::string(words) + ": " + time_text(total_));
    out_ += text_at(width_of_picture - 10, 20, "text-anchor=\"end\" fill=\"#c0392b\"",
                    "red: where most of the time went, without the phases within");
  }
  void axis() {
    const double step = step_of(total_);
    for (double ms = 0; ms <= total_; ms += step) {
      out_ += format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ccc\"/>\n", x_of(ms),
                     axis_top, x_of(ms), height_ - 8);
      out_ += text_at(x_of(ms), axis_top - 5, "text-anchor=\"middle\" fill=\"#666\"",
                      step >= 1e4 ? format("%.0f s", ms / 1000)
                      : step >= 1 ? format("%.0f ms", ms)
                                  : format("%.2g ms", ms));
    }
  }
  void lane(const Lane& lane, double y, double height) {
    out_ += format("<rect x=\"0\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", y,
                   width_of_picture, height, lane.tint);
  }
  void lane_title(const Lane& lane, double y) {
    out_ += text_at(10, y + 16, std::string("font-weight=\"bold\" fill=\"") + lane.colour + "\"", lane.title);
  }
  void row(const Lane& lane, const Row& row, double y) {
    const std::string weight = row.marked ? "font-weight=\"bold\" fill=\"#c0392b\"" : "fill=\"#222\"";
    out_ += text_at(label_width - 10, y + 14, "text-anchor=\"end\" " + weight, shortened(row.label));
    double right = 0;
    for (const auto* phase : row.phases) {
      const auto title = phase->name + " " + phase->object + ", " + time_text(phase->duration_ms);
      right = std::max(right, bar(phase->start_ms, end_of(*phase), y, lane.colour, title));
    }
    if (row.marked)
      for (const auto& part : row.own_parts)
        bar(part.from, part.to, y, "#c0392b", "own time of " + row.label);
    auto words = time_text(row.sum);
    if (row.marked) words += format(", own %.0f %%", row.own / total_ * 100);
    out_ += text_at(right + 5, y + 14, weight, words);
  }
  std::string finish() { return std::move(out_) + "</svg>\n"; }

private:
  // Returns where it ends.
  double bar(double from, double to, double y, const char* colour, const std::string& title) {
    const double width = std::max(1.5, (to - from) / total_ * chart);
    out_ += format("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\">", x_of(from),
                   y + 3, width, row_height - 6, colour) +
            "<title>" + escaped(title) + "</title></rect>\n";
    return x_of(from) + width;
  }
  double x_of(double ms) const { return label_width + ms / total_ * chart; }

  double total_, height_;
  std::string out_;
};

} // namespace

std::string timeline_as_svg(const std::vector<TimelinePhase>& phases, std::string_view title) {
  double total = 0.001; // no division by nothing
  for (const auto& phase : phases)
    total = std::max(total, end_of(phase));
  std::array<std::vector<Row>, lanes.size()> rows;
  double height = axis_top + 16;
  for (const auto index : lane_order) {
    rows[index] = rows_of(lanes[index], phases, title);
    if (!rows[index].empty()) height += head_height + row_height * static_cast<double>(rows[index].size());
  }
  mark_longest(rows, total);

  Picture picture(total, height);
  picture.title(title);
  double y = axis_top;
  for (const auto index : lane_order) { // the grid lies over the tints and below the bars
    const double size =
        rows[index].empty() ? 0 : head_height + row_height * static_cast<double>(rows[index].size());
    picture.lane(lanes[index], y, size);
    y += size;
  }
  picture.axis();
  y = axis_top;
  for (const auto index : lane_order) {
    if (rows[index].empty()) continue;
    picture.lane_title(lanes[index], y);
    y += head_height;
    for (const auto& row : rows[index]) {
      picture.row(lanes[index], row, y);
      y += row_height;
    }
  }
  return picture.finish();
}

} // namespace nacre::cli
