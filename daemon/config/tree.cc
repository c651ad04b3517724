#include "daemon/config/tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <spanstream>

#include "daemon/config/syntax.hpp"
#include "daemon/config/values.hpp"

namespace tandem::config {
namespace {

Place place_of(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

// Builds the tree from the parser's events. Throws SyntaxError, through yaml-cpp, to end the parse early; parse_tree()
// catches it.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const Lines& lines) : lines_(lines) {}

  Tree take() { return std::move(tree_); }
  bool has_root() const { return tree_.size() > 0; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_root())
      throw SyntaxError{place_of(mark), "something stands behind the end of the site's map; a site file is one map"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) throw SyntaxError{place_of(mark), "a key is missing before ':'"};
    // The parser's mark is where it noticed: often the next line. The key is what people look for.
    Node& node = add(Node::Kind::kNothing, mark, anchor);
    if (!frames_.empty() && frames_.back().node->kind == Node::Kind::kMap) node.place = frames_.back().key_place;
    node.open = false;
    attach(node);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) throw SyntaxError{place_of(mark), "an alias (*) is no key; write the key out"};
    const Node* const target = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
    if (!target || target->open) throw SyntaxError{place_of(mark), "an alias (*) to the very value it stands in"};
    attach(*target);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    const bool quoted = tag == "!";
    if (auto wrong = lines_.runs_on(place_of(mark), value, !frames_.empty() && frames_.back().in_brackets))
      throw *wrong;  // NOLINT(cert-err60-cpp): std::string may throw while it is copied, like everywhere
    if (wants_key()) {
      if (anchor != 0) throw SyntaxError{place_of(mark), "an anchor (&) belongs to a value, not to a key"};
      frames_.back().key = value;
      frames_.back().key_place = place_of(mark);
      frames_.back().has_key = true;
      return;
    }
    Node& node = add(Node::Kind::kScalar, mark, anchor);
    node.text = value;
    node.quoted = quoted;
    node.open = false;
    attach(node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    refuse_tag(mark, tag);
    begin(Node::Kind::kList, mark, anchor, style);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    refuse_tag(mark, tag);
    begin(Node::Kind::kMap, mark, anchor, style);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapEnd() override { end(); }

 private:
  struct Frame {
    Node* node;
    std::string key;
    Place key_place;
    bool has_key = false;
    bool in_brackets = false;
  };

  bool wants_key() const {
    return !frames_.empty() && frames_.back().node->kind == Node::Kind::kMap && !frames_.back().has_key;
  }

  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw SyntaxError{place_of(mark), "the tag " + quote(tag) + "; a site file has no tags (!): write the value alone"};
  }

  Node& add(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (tree_.size() >= kMostNodes)
      throw SyntaxError{place_of(mark), "more than " + std::to_string(kMostNodes) + " values; that is no site file"};
    Node& node = tree_.add(kind, place_of(mark));
    if (anchor != 0) {
      if (anchors_.size() <= anchor) anchors_.resize(anchor + 1);
      anchors_[anchor] = &node;
    }
    return node;
  }

  void attach(const Node& node) {
    if (frames_.empty()) return;
    Frame& frame = frames_.back();
    frame.node->entries.push_back({std::move(frame.key), frame.key_place, &node});
    frame.key.clear();
    frame.has_key = false;
  }

  void begin(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
    if (wants_key()) throw SyntaxError{place_of(mark), "a list or map as a key; a key is a plain word"};
    if (frames_.size() >= kDeepest)
      throw SyntaxError{place_of(mark), "more than " + std::to_string(kDeepest) + " levels inside each other"};
    Node& node = add(kind, mark, anchor);
    frames_.push_back({&node, {}, {}, false, style == YAML::EmitterStyle::Flow});
  }

  void end() {
    Node& node = *frames_.back().node;
    node.open = false;
    frames_.pop_back();
    attach(node);
  }

  const Lines& lines_;
  Tree tree_;
  std::vector<Frame> frames_;
  std::vector<const Node*> anchors_;
};

}  // namespace

Node& Tree::add(Node::Kind kind, Place place) {
  Node& node = nodes_.emplace_back();
  node.kind = kind;
  node.place = place;
  return node;
}

Result<Tree, std::vector<SyntaxError>> parse_tree(std::string_view text) {
  const Lines lines(text);
  Builder builder(lines);
  try {
    std::ispanstream in(std::span<const char>(text.data(), text.size()));
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const SyntaxError& error) {
    return Failure(std::vector{error});
  } catch (const YAML::Exception& error) {
    return Failure(lines.explain(place_of(error.mark), error.msg));
  }
  if (!builder.has_root())
    return Failure(std::vector{SyntaxError{{}, "the file is empty; expected a map that begins with the key 'site'"}});
  return builder.take();
}

}  // namespace tandem::config
