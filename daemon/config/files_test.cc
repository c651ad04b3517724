#include "daemon/config/files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1dFEff";

// A folder of its own for each test, removed with what is in it.
class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tandem-config-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text, mode_t mode = 0600) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), mode);
    return path;
  }

  // A site file whose peer key is at `key_file`.
  std::string write_site(const std::string& key_file) {
    return write("tandem.yaml", site_with("/etc/tandem/peer.key", key_file), 0644);
  }

  std::vector<std::string> errors_of_file(const std::string& path) {
    const CheckedSite checked = check_site_file(path);
    EXPECT_EQ(checked.site.has_value(), checked.errors.empty());
    return rendered(checked.errors);
  }

  std::string folder_;
};

TEST_F(Files, GoodSiteAndGoodKeyGiveASiteAndItsText) {
  const CheckedSite checked = check_site_file(write_site(write("peer.key", kKey)));
  EXPECT_THAT(rendered(checked.errors), IsEmpty());
  ASSERT_TRUE(checked.site);
  EXPECT_EQ(checked.site->name, "ams1");
  EXPECT_EQ(read_site(checked.text, "s").site, checked.site);
}

TEST_F(Files, MissingSiteFileIsAnError) {
  EXPECT_THAT(errors_of_file("/no/such.yaml"),
              ElementsAre("/no/such.yaml:1:1: the site file /no/such.yaml does not exist"));
}

TEST_F(Files, DirectoryAsSiteFileIsAnError) {
  EXPECT_THAT(errors_of_file(folder_), ElementsAre(HasSubstr("is a directory; expected a file")));
}

TEST_F(Files, PipeAsSiteFileIsAnErrorAndIsNotWaitedFor) {
  const std::string path = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(errors_of_file(path), ElementsAre(HasSubstr("is a device, socket or pipe; expected a file")));
}

TEST_F(Files, DeviceAsSiteFileIsAnError) {
  EXPECT_THAT(errors_of_file("/dev/zero"), ElementsAre(HasSubstr("is a device, socket or pipe")));
}

TEST_F(Files, FileThatMayNotBeReadIsAnError) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  EXPECT_EQ(load_file(write("secret", "x", 0)).error(), FileError::kUnreadable);
}

TEST_F(Files, FileThatIsTooBigIsNotRead) {
  EXPECT_EQ(load_file(write("big", "12345"), 4).error(), FileError::kTooBig);
  EXPECT_EQ(load_file(write("right", "1234"), 4), "1234");
}

TEST_F(Files, FileThatSaysItIsEmptyIsReadToItsEndAllTheSame) {
  EXPECT_THAT(load_file("/proc/self/status").value_or(""), HasSubstr("Name:"));
}

TEST_F(Files, FileOfSeveralPiecesIsReadWhole) {
  const std::string text(300'000, 'x');
  EXPECT_EQ(load_file(write("long", text)), text);
}

TEST_F(Files, MissingKeyFileIsShownAtTheLineThatNamesIt) {
  const std::string site = write_site(folder_ + "/no.key");
  EXPECT_THAT(errors_of_file(site), ElementsAre(site + ":5:24: key_file: " + folder_ + "/no.key does not exist"));
}

TEST_F(Files, KeyFileThatOthersMayUseIsAnError) {
  for (const mode_t mode : {0640, 0604, 0620, 0601, 0644, 0777}) {
    const std::string site = write_site(write("peer.key", kKey, mode));
    EXPECT_THAT(errors_of_file(site), ElementsAre(HasSubstr("can be used by its group or by everyone"))) << mode;
  }
}

TEST_F(Files, KeyFileIs64HexDigitsAndAtMostOneNewline) {
  EXPECT_TRUE(load_peer_key(write("a", kKey)));
  EXPECT_TRUE(load_peer_key(write("b", std::string(kKey) + "\n")));
  for (const std::string& wrong :
       {std::string(), std::string(kKey.substr(1)), std::string(kKey) + "0", std::string(kKey) + "\n\n",
        std::string(kKey) + "\r\n", " " + std::string(kKey.substr(1)), "g" + std::string(kKey.substr(1)),
        std::string(100'000, '0')})
    EXPECT_EQ(load_peer_key(write("c", wrong)).error(), FileError::kNotAKey) << wrong.size();
}

TEST_F(Files, KeyIsTheBytesTheDigitsSay) {
  const auto key = load_peer_key(write("peer.key", kKey));
  ASSERT_TRUE(key);
  EXPECT_EQ((*key)[0], std::byte{0});
  EXPECT_EQ((*key)[29], std::byte{0x1d});
  EXPECT_EQ((*key)[30], std::byte{0xfe});
  EXPECT_EQ((*key)[31], std::byte{0xff});
}

TEST_F(Files, MissingAuthoritiesAreShownAtTheLineThatNamesThem) {
  const std::string text = site_with("http: { path: /healthz }", "https: { ca_file: /no/ca.pem }");
  EXPECT_THAT(rendered(check_files({{"ca_file", "/no/ca.pem", {20, 32}}}, "s")),
              ElementsAre("s:20:32: ca_file: /no/ca.pem does not exist"));
  EXPECT_THAT(read_site(text, "s").files, testing::SizeIs(2));
}

TEST_F(Files, ARevocationListAndAChecksOwnKeyAreWhatTheirNamesSay) {
  const auto errors = [](const std::string& key, const std::string& path) {
    return rendered(check_files({{key, path, {1, 1}}}, "s"));
  };
  const std::string list = write("crl.pem", "-----BEGIN X509 CRL-----\n", 0644);
  const std::string certificate = write("me.pem", "-----BEGIN CERTIFICATE-----\n", 0644);
  EXPECT_THAT(errors("crl_file", list), IsEmpty());
  EXPECT_THAT(errors("crl_file", certificate), ElementsAre(HasSubstr("holds no revocation list in PEM form")));
  EXPECT_THAT(errors("certificate", certificate), IsEmpty());
  EXPECT_THAT(errors("key", certificate), ElementsAre(HasSubstr("holds no private key in PEM form")));
  EXPECT_THAT(errors("key", write("me.key", "-----BEGIN EC PRIVATE KEY-----\n", 0640)), IsEmpty());
  EXPECT_THAT(errors("key", write("open.key", "-----BEGIN PRIVATE KEY-----\n", 0644)),
              ElementsAre(HasSubstr("can be used by everyone; a key is for its owner and the checks")));
}

TEST_F(Files, AUserThatThisBoxDoesNotHaveIsShownAtTheLineThatNamesIt) {
  EXPECT_THAT(rendered(check_files({{"user", "no-such-user", {7, 9}}}, "s")),
              ElementsAre("s:7:9: user: there is no user 'no-such-user' on this box"));
  EXPECT_THAT(check_files({{"user", "root", {7, 9}}}, "s"), IsEmpty());
}

TEST_F(Files, AuthoritiesWithoutACertificateAreAnError) {
  const std::string path = write("ca.pem", "nothing", 0644);
  EXPECT_THAT(rendered(check_files({{"ca_file", path, {1, 1}}}, "s")),
              ElementsAre(HasSubstr("holds no certificate in PEM form")));
  const std::string good = write("good.pem", "-----BEGIN CERTIFICATE-----\n", 0644);
  EXPECT_THAT(check_files({{"ca_file", good, {1, 1}}}, "s"), IsEmpty());
}

TEST_F(Files, ErrorsOfTheTextAndOfTheFilesComeTogetherInOrder) {
  const std::string site = write("tandem.yaml", site_with("site: ams1", "site: a b").append("colour: 1\n"), 0644);
  EXPECT_THAT(errors_of_file(site),
              ElementsAre(HasSubstr(":1:7: site:"), HasSubstr(":5:24: key_file:"), HasSubstr(":24:1: unknown key")));
}

TEST_F(Files, SampleSiteLacksNothingButItsKey) {
  const CheckedSite checked = check_site_file(std::string(TANDEM_SOURCE_DIR) + "/etc/tandem.yaml");
  EXPECT_THAT(rendered(checked.warnings), IsEmpty());
  for (const std::string& error : rendered(checked.errors))
    EXPECT_THAT(error, HasSubstr("key_file: /etc/tandem/peer.key"));
  EXPECT_LE(checked.errors.size(), 1U);
}

}  // namespace
}  // namespace tandem::config
