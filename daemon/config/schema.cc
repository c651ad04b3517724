// The JSON schema is written by hand, not by a JSON library: the cellar has none, and this is the only JSON made here.
#include <algorithm>
#include <string>
#include <string_view>

#include "daemon/config/durations.hpp"
#include "daemon/config/key_table.hpp"
#include "daemon/config/manual.hpp"

namespace tandem::config {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string member(std::string_view name, const std::string& value) {
  return quoted(name) + ": " + value;
}

std::string pattern(std::string_view regular_expression) {
  return R"("type": "string", )" + member("pattern", quoted(regular_expression));
}

constexpr std::string_view kName = R"({"pattern": "^[A-Za-z0-9_.-]{1,63}$"})";
constexpr std::string_view kQuad = R"((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9]))";
constexpr std::string_view kInterface = "^[^\\s/:]{1,15}$";
constexpr std::string_view kStatus = "([1-5][0-9]{2}(-[1-5][0-9]{2})?)";

std::string ipv4() {
  const std::string quad(kQuad);
  return "^" + quad + "(\\." + quad + "){3}";
}

// IPv6 is looked at by tandemd itself; here it is digits and colons.
std::string ip() {
  return "(" + ipv4() + "|^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)";
}

std::string reference(Section section) {
  return member("$ref", quoted("#/$defs/" + std::string(section_info(section).name)));
}

std::string integer(const Key& key) {
  return R"("type": "integer", )" + member("minimum", std::to_string(key.low)) + ", " +
         member("maximum", std::to_string(key.high));
}

// The members of the schema of one key's value.
std::string value_schema(const Key& key) {
  switch (key.type) {
    case Type::kName:
      return R"("type": ["string", "number"])";  // YAML reads a name of digits as a number
    case Type::kInterface:
      return pattern(kInterface);
    case Type::kInteger:
      return integer(key);
    case Type::kBoolean:
      return R"("type": "boolean")";
    case Type::kDuration:
      return pattern("^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h)$");
    case Type::kChoice: {
      std::string words;
      for (const Choice& choice : key.choices) words += (words.empty() ? "" : ", ") + quoted(choice.word);
      return member("enum", "[" + words + "]");
    }
    case Type::kAddress:
      return pattern(ip() + "$");
    case Type::kAddresses:
      return R"("anyOf": [{)" + pattern(ip() + "$") + R"(}, {"type": "array", "minItems": 1, "maxItems": )" +
             std::to_string(key.high) + R"(, "items": {)" + pattern(ip() + "$") + "}}]";
    case Type::kAddressRanges: {
      const std::string one = pattern(ip() + "(/[0-9]{1,3}|-[0-9A-Fa-f:.]+)?$");
      return R"("anyOf": [{)" + one + R"(}, {"type": "array", "minItems": 1, "maxItems": )" + std::to_string(key.high) +
             R"(, "items": {)" + one + "}}]";
    }
    case Type::kPorts: {
      const std::string one = R"({"type": "integer", "minimum": 1, "maximum": 65535}, {)" +
                              pattern("^([0-9]{1,5}(-[0-9]{1,5})?|any)$") + "}";
      return R"("anyOf": [)" + one + R"(, {"type": "array", "minItems": 1, "maxItems": )" + std::to_string(key.high) +
             R"(, "items": {"anyOf": [)" + one + "]}}]";
    }
    case Type::kPrefix:
      return pattern(ip() + "(/[0-9]{1,3})?$");
    case Type::kNetwork:
      return pattern("(" + ip() + "/[0-9]{1,3}|^default)$");
    case Type::kGateway:
      return pattern(ip() + "$");
    case Type::kFile:
      return pattern("^/.*[^/]$");
    case Type::kUrlPath:
      return pattern("^/\\S*$");
    case Type::kUnicast:
      return R"("type": "object", "minProperties": 2, "additionalProperties": {"anyOf": [{)" + pattern(ip() + "$") +
             R"(}, {"type": "array", "minItems": 1, "maxItems": 2, "items": {)" + pattern(ip() + "$") + "}}]}";
    case Type::kCommand:
      return pattern("^/[^ ]+( +[^ ]+)*$");
    case Type::kPassword:
      return pattern("^[!-~]{1,8}$");
    case Type::kText:
      return R"("type": ["string", "number", "boolean"])";
    case Type::kTexts:
      return R"("type": "array", "minItems": 1, "items": {"type": ["string", "number"]})";
    case Type::kHost:
      return pattern("^[A-Za-z0-9_.:\\[\\]-]+$");
    case Type::kStatuses:
      return R"("anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {)" +
             pattern("^" + std::string(kStatus) + "(, *" + std::string(kStatus) + ")*$") + "}]";
    case Type::kInterfaces:
      return R"("type": "array", "minItems": 1, "items": {)" + pattern(kInterface) + "}";
    case Type::kPriorities:
      return R"("type": "object", "additionalProperties": {)" + integer(key) + "}";
    case Type::kVirtualAddresses:
      return R"("type": "array", "minItems": 1, "items": {"anyOf": [{)" + pattern(ip() + "(/[0-9]{1,3})?$") + "}, {" +
             reference(*key.inside) + "}]}";
    case Type::kBooleanOrMap:
      return R"("anyOf": [{"type": "boolean"}, {)" + reference(*key.inside) + "}]";
    case Type::kNoneOrMap:
      return R"("anyOf": [{"const": "none"}, {)" + reference(*key.inside) + "}]";
    case Type::kMap:
      return reference(*key.inside);
    case Type::kOptionalMap:
      return R"("anyOf": [{"type": "null"}, {)" + reference(*key.inside) + "}]";
    case Type::kAmount:
      return R"("anyOf": [{)" + integer(key) + "}, {" + pattern("^(100|[1-9]?[0-9])%$") + "}]";
    case Type::kPercent:
      return pattern("^(100|[1-9]?[0-9])%$");
    case Type::kNeed:
      return R"("anyOf": [{"enum": ["all", "any"]}, {)" + integer(key) + "}]";
    case Type::kNamedChecks:
      return R"("type": "object", )" + member("minProperties", std::to_string(key.low)) + ", " +
             member("maxProperties", std::to_string(key.high)) + ", " + member("propertyNames", std::string(kName)) +
             R"(, "additionalProperties": {"anyOf": [{"const": "none"}, {)" + reference(*key.inside) + "}]}";
    case Type::kNamedMaps: {
      // "dir-a:" with nothing behind is a map without keys, where none is required.
      const bool may_be_bare = std::ranges::none_of(keys_of(*key.inside), &Key::required);
      const std::string each =
          may_be_bare ? R"("anyOf": [{"type": "null"}, {)" + reference(*key.inside) + "}]" : reference(*key.inside);
      return std::string(R"("type": ["object")") + (key.low == 0 ? R"(, "null")" : "") + "], " +
             member("minProperties", std::to_string(key.low)) + ", " +
             member("maxProperties", std::to_string(key.high)) + ", " + member("propertyNames", std::string(kName)) +
             R"(, "additionalProperties": {)" + each + "}";
    }
  }
  return {};
}

std::string description(const Key& key) {
  std::string text(key.meaning);
  if (!key.standard.empty()) text += " Default: " + std::string(key.standard) + ".";
  if (!key.otherwise.empty()) text += " Default: " + std::string(key.otherwise) + ".";
  return member("description", quoted(text));
}

std::string one_of_the_types() {
  std::string words;
  for (const CheckTypeWord& type : check_type_words())
    words += (words.empty() ? "" : ", ") + ("{\"required\": [\"" + std::string(type.word)) + "\"]}";
  return "\"oneOf\": [" + words + "]";
}

std::string section_schema(const SectionInfo& info) {
  std::string properties;
  std::string required;
  for (const Key& row : keys_of(info.section)) {
    properties += (properties.empty() ? "\n" : ",\n");
    properties += "        " + quoted(row.name) + ": {" + value_schema(row) + ", " + description(row) + "}";
    if (row.required) required += (required.empty() ? "" : ", ") + quoted(row.name);
  }
  std::string out =
      R"({"type": "object", "additionalProperties": false, )" + member("description", quoted(info.meaning));
  if (!required.empty()) out += ",\n      " + member("required", "[" + required + "]");
  if (info.section == Section::kCheck) out += ",\n      " + one_of_the_types();
  return out + ",\n      \"properties\": {" + properties + (properties.empty() ? "}}" : "\n      }}");
}

}  // namespace

std::string configuration_schema() {
  std::string sections_text;
  for (const SectionInfo& info : sections()) {
    sections_text += sections_text.empty() ? "\n" : ",\n";
    sections_text += "    " + quoted(info.name) + ": " + section_schema(info);
  }
  return "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
         "  \"title\": \"Tandem site file\",\n  " +
         reference(Section::kSite) + ",\n  \"$defs\": {" + sections_text + "\n  }\n}\n";
}

}  // namespace tandem::config
