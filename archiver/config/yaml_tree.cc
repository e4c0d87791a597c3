#include "archiver/config/yaml_tree.h"

#include <map>
#include <optional>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/text/safe_text.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kMaxNodes = 10'000;
constexpr size_t kMaxDepth = 16;

TextPosition PositionOf(const YAML::Mark& mark) {
  return mark.is_null() ? TextPosition{} : TextPosition{mark.line + 1, mark.column + 1};
}

// yaml-cpp replaces what is no UTF-8, and takes a NUL for the end: both must not pass in silence.
Result<void> CheckCharacters(std::string_view text) {
  TextPosition at;
  while (!text.empty()) {
    const size_t bytes = Utf8SequenceBytes(text);
    const char c = text.front();
    if (bytes == 0) {
      return FailAt(at, "byte 0x{:02x} is not UTF-8; save the file as UTF-8",
                    static_cast<unsigned char>(c));
    }
    if (c != '\n' && c != '\t' && c != '\r' && HasControl(text.substr(0, bytes))) {
      return FailAt(at, "control character 0x{:02x}; remove it", static_cast<unsigned char>(c));
    }
    at = c == '\n' ? TextPosition{at.line + 1, 1} : TextPosition{at.line, at.column + 1};
    text.remove_prefix(bytes);
  }
  return {};
}

// The text, findable by position.
class Source {
 public:
  explicit Source(std::string_view text) : text_(text) {
    for (size_t at = 0; at != std::string_view::npos;) {
      lines_.push_back(at);
      at = text.find('\n', at);
      if (at != std::string_view::npos) ++at;
    }
  }

  // Whether quotes that open at `mark` are closed: yaml-cpp takes the end of the file for them.
  [[nodiscard]] bool QuoteCloses(const YAML::Mark& mark) const {
    const std::string_view rest = From(mark);
    if (rest.empty() || (rest.front() != '"' && rest.front() != '\'')) return true;  // a block
    const char quote = rest.front();
    for (size_t i = 1; i < rest.size(); ++i) {
      if (quote == '"' && rest[i] == '\\') {
        ++i;
      } else if (rest[i] == quote) {
        if (quote == '"' || i + 1 >= rest.size() || rest[i + 1] != '\'') return true;
        ++i;  // '' stands for one '
      }
    }
    return false;
  }

  // Whether the line at `mark` is indented with a tab.
  [[nodiscard]] bool IndentedByTab(const YAML::Mark& mark) const {
    if (mark.line < 0 || static_cast<size_t>(mark.line) >= lines_.size()) return false;
    const std::string_view line = text_.substr(lines_[static_cast<size_t>(mark.line)]);
    const size_t indent = line.find_first_not_of(" \t");
    return line.substr(0, indent).find('\t') != std::string_view::npos;
  }

 private:
  [[nodiscard]] std::string_view From(const YAML::Mark& mark) const {
    if (mark.line < 0 || static_cast<size_t>(mark.line) >= lines_.size()) return {};
    std::string_view rest = text_.substr(lines_[static_cast<size_t>(mark.line)]);
    for (int i = 0; i < mark.column && !rest.empty(); ++i) {
      rest.remove_prefix(std::max<size_t>(Utf8SequenceBytes(rest), 1));
    }
    return rest;
  }

  std::string_view text_;
  std::vector<size_t> lines_;  // where each starts
};

// Builds the tree from the parser's events. After an error, events are ignored: a handler cannot
// stop the parser but by an exception.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const Source& source) : source_(source) {}

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] const std::shared_ptr<const YamlNode>& root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Fault(FailAt(PositionOf(mark), "a second document; remove the `---`"));
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (auto node = NewNode(YamlNode::Kind::kNull, mark, "?", anchor)) Add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found != anchors_.end()) return Add(found->second);
    Fault(FailAt(PositionOf(mark), "an alias inside the very thing it stands for"));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = NewNode(YamlNode::Kind::kText, mark, tag, anchor);
    if (!node) return;
    if (tag == "!" && !source_.QuoteCloses(mark)) {
      return Fault(FailAt(PositionOf(mark), "the quotes opened here are never closed"));
    }
    node->text = value;
    node->quoted = tag == "!";
    Add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  using NodePointer = std::shared_ptr<YamlNode>;

  // A list or map that has not ended yet.
  struct Level {
    NodePointer node;
    YAML::anchor_t anchor = 0;
    std::optional<YamlNode::Entry> key;  // of a map, waiting for its value
  };

  void Fault(Failure failure) {
    if (!error_) error_ = std::move(failure.value());
  }

  NodePointer NewNode(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                      YAML::anchor_t anchor) {
    if (error_) return nullptr;
    const TextPosition at = PositionOf(mark);
    if (tag != "?" && tag != "!" && !tag.empty()) {
      Fault(FailAt(at, "tag {}; remove it", SafeText(tag)));
    } else if (++nodes_ > kMaxNodes) {
      Fault(FailAt(at, "more than {} values", kMaxNodes));
    } else if (levels_.size() >= kMaxDepth) {
      Fault(FailAt(at, "nested more than {} deep", kMaxDepth));
    }
    if (error_) return nullptr;
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->at = at;
    if (anchor != 0 && (kind == YamlNode::Kind::kText || kind == YamlNode::Kind::kNull)) {
      anchors_[anchor] = node;
    }
    return node;
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    if (auto node = NewNode(kind, mark, tag, anchor)) {
      levels_.push_back(Level{std::move(node), anchor, std::nullopt});
    }
  }

  void Close() {
    if (error_) return;
    const Level level = std::move(levels_.back());
    levels_.pop_back();
    if (level.anchor != 0) anchors_[level.anchor] = level.node;
    Add(level.node);
  }

  void Add(std::shared_ptr<const YamlNode> node) {
    if (error_) return;
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node->kind == YamlNode::Kind::kList) {
      level.node->items.push_back(std::move(node));
    } else if (level.key) {
      AddEntry(level, std::move(node));
    } else if (node->kind != YamlNode::Kind::kText) {
      Fault(FailAt(node->at, "a key must be text; put it in quotes"));
    } else {
      level.key = YamlNode::Entry{node->text, node->at, nullptr};
    }
  }

  // The parser places an empty value at whatever comes next: its key tells people more.
  static void AddEntry(Level& level, std::shared_ptr<const YamlNode> value) {
    if (value->kind == YamlNode::Kind::kNull) {
      auto placed = std::make_shared<YamlNode>(*value);
      placed->at = level.key->at;
      value = std::move(placed);
    }
    level.key->value = std::move(value);
    level.node->entries.push_back(std::move(*level.key));
    level.key.reset();
  }

  const Source& source_;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, std::shared_ptr<const YamlNode>> anchors_;  // those that are whole
  std::shared_ptr<const YamlNode> root_;
  std::optional<Error> error_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

}  // namespace

Result<std::shared_ptr<const YamlNode>> ParseYaml(const std::string& text) {
  ORCIO_TRY(CheckCharacters(text));
  const Source source(text);
  TreeBuilder builder(source);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder) && !builder.error()) {
    }
  } catch (const YAML::Exception& exception) {  // how yaml-cpp says that a text is no YAML
    if (!builder.error()) {
      return FailAt(PositionOf(exception.mark), "{}{}", SafeText(exception.msg),
                    source.IndentedByTab(exception.mark)
                        ? "; this line is indented with a tab, YAML wants spaces"
                        : "");
    }
  }
  if (builder.error()) return Failure(*builder.error());
  if (!builder.root()) return std::make_shared<const YamlNode>();
  return builder.root();
}

}  // namespace orcio::inline archiver
