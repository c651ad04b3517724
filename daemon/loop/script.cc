#include "daemon/loop/script.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <system_error>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "daemon/base/result.hpp"
#include "daemon/loop/clock.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "daemon/loop/fd.hpp"
#include "daemon/loop/process.hpp"
#include "daemon/loop/spawn_plan.hpp"

namespace tandem::loop {
namespace {

namespace asio = boost::asio;

constexpr size_t kKeptOutput = 512;
constexpr int kReadsPerTurn = 16;  // a chatty script may not keep the loop

constexpr std::string_view kGiver = "setpriv: ";  // how the words begin with which setpriv gives up

// setpriv (util-linux) gives the rights away before the script begins. The user's other groups are looked up by it, not here.
Result<std::vector<std::string>, std::string> with_rights_of(const ScriptOrder& order) {
  if (order.user.empty() && !order.account) return order.words;
  const auto user = order.account ? order.account : account_of(order.user);
  if (!user) return Failure<std::string>("there is no user '" + order.user + "'");
  std::vector<std::string> words{"/usr/bin/setpriv",
                                 "--reuid=" + std::to_string(user->uid),
                                 "--regid=" + std::to_string(user->gid),
                                 "--init-groups",
                                 "--inh-caps=-all",
                                 "--no-new-privs",
                                 "--"};
  words.insert(words.end(), order.words.begin(), order.words.end());
  return words;
}

struct Beginning {
  pid_t pid = 0;    // 0: it has not begun
  std::string why;  // not
};

// A child's first moments suspend the thread that makes it until it has become another program (vfork), which on a loaded box,
// at the ordinary priority it has, takes as long as its turn is away; and looking up a user may wait for a directory service. So
// threads of their own do both. Their stacks are touched little, and they are there for as long as the process is.
asio::thread_pool& beginners() {
  static auto& threads = [] -> asio::thread_pool& {
    sigset_t all, previous;  // signals are for the loop's thread
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    auto* const made = new asio::thread_pool(4);  // never destroyed: one may be waiting at the end of the process
    pthread_sigmask(SIG_SETMASK, &previous, nullptr);
    return *made;
  }();
  return threads;
}

Beginning begin(const ScriptOrder& order, int output) {
  auto words = with_rights_of(order);
  if (!words) return {.why = words.error()};
  std::vector<char*> arguments;
  for (std::string& word : *words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  SpawnPlan plan;
  plan.run_at_ordinary_priority();
  posix_spawn_file_actions_addopen(&plan.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&plan.files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&plan.files, output, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&plan.files, STDERR_FILENO + 1);
  Beginning begun;
  const int error =
      posix_spawn(&begun.pid, words->front().c_str(), &plan.files, &plan.attributes, arguments.data(), environ);
  if (error != 0) begun = {.why = words->front() + ": " + std::generic_category().message(error)};
  return begun;
}

class Running final : public Script {
 public:
  Running(asio::io_context& io, std::function<void(ScriptResult)> done)
      : io_(io), done_(std::move(done)), limit_(io.get_executor(), [this] { time_out(); }), ended_(io), output_(io) {}
  ~Running() override {
    ++*turn_;
    end_group();
  }

  void start(ScriptOrder order) {
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) return not_started(std::generic_category().message(errno));
    output_.assign(pipe_ends[0]);
    set_nonblocking(pipe_ends[0]);
    rights_given_ = !order.user.empty() || order.account;
    time_ = order.limit;
    // The guard keeps the loop running until the word is back.
    asio::post(beginners(), [this, order = std::move(order), writing = std::make_shared<UniqueFd>(pipe_ends[1]),
                             turn = turn_, mine = *turn_, loop = asio::make_work_guard(io_)]() mutable {
      Beginning begun = begin(order, writing->get());
      writing.reset();  // the output ends with the script
      asio::post(loop.get_executor(), [this, begun = std::move(begun), turn, mine] {
        if (*turn == mine) return has_begun(begun);
        if (begun.pid == 0) return;
        ::kill(-begun.pid, SIGKILL);
        waitpid(begun.pid, nullptr, 0);
      });
    });
  }

  void stop() override {
    stopped_ = true;
    if (pid_ != 0) ::kill(-pid_, SIGKILL);  // its end is told by the pidfd
  }

 private:
  void has_begun(const Beginning& begun) {
    if (begun.pid == 0) return not_started(begun.why);
    pid_ = begun.pid;
    UniqueFd pidfd = open_pidfd(pid_);
    if (!pidfd) {
      const std::string why = std::generic_category().message(errno);
      end_group();
      return not_started(why);
    }
    ended_.assign(pidfd.release());
    limit_.set(monotonic_now() + time_);  // from its own beginning: our lateness is not its
    wait_for_end();
    read_on();
    if (stopped_) stop();
  }

  void not_started(const std::string& why) {
    result_.output = why;
    asio::post(io_, [this, turn = turn_, mine = *turn_] {
      if (*turn == mine) finish();
    });
  }

  void wait_for_end() {
    ended_.async_wait(asio::posix::descriptor_base::wait_read,
                      [this, turn = turn_, mine = *turn_](const boost::system::error_code& failed) {
                        if (failed || *turn != mine) return;
                        if (has_ended(pid_))
                          process_ended();
                        else
                          wait_for_end();
                      });
  }

  void read_on() {
    output_.async_wait(asio::posix::descriptor_base::wait_read,
                       [this, turn = turn_, mine = *turn_](const boost::system::error_code& failed) {
                         if (failed || *turn != mine) return;
                         if (read_some()) read_on();
                       });
  }

  // Keeps the end. Returns whether more may come.
  bool read_some() {
    std::array<char, 4096> piece{};
    for (int i = 0; i < kReadsPerTurn; ++i) {
      const ssize_t got = read(output_.native_handle(), piece.data(), piece.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno == EAGAIN;
      if (got == 0) return false;
      result_.output.append(piece.data(), static_cast<size_t>(got));
      if (result_.output.size() > kKeptOutput) result_.output.erase(0, result_.output.size() - kKeptOutput);
    }
    return true;
  }

  void process_ended() {
    // What it left running has its group still; nobody else can have its number before it is waited for.
    ::kill(-pid_, SIGKILL);
    int status = 0;
    if (waitpid(pid_, &status, 0) == pid_ && !timed_out_) {
      result_.end = WIFEXITED(status) ? ScriptResult::End::kExited : ScriptResult::End::kKilled;
      result_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    }
    read_some();
    pid_ = 0;
    // No exit code of the script's: it has not begun.
    if (rights_given_ && result_.end == ScriptResult::End::kExited &&
        (result_.exit_code == 126 || result_.exit_code == 127) && result_.output.starts_with(kGiver)) {
      result_.end = ScriptResult::End::kNotStarted;
      result_.output.erase(0, kGiver.size());
    }
    finish();
  }

  void time_out() {
    timed_out_ = true;
    result_.end = ScriptResult::End::kTimedOut;
    stop();
  }

  void end_group() {
    if (pid_ == 0) return;
    ::kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  void finish() {
    ++*turn_;
    limit_.set(std::nullopt);
    while (!result_.output.empty() && result_.output.back() == '\n') result_.output.pop_back();
    std::ranges::replace_if(
        result_.output, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    // `done` may destroy us.
    const auto done = std::move(done_);
    done(std::move(result_));
  }

  asio::io_context& io_;
  std::function<void(ScriptResult)> done_;
  DeadlineTimer limit_;
  asio::posix::stream_descriptor ended_, output_;
  std::shared_ptr<int> turn_ = std::make_shared<int>(0);
  pid_t pid_ = 0;
  bool timed_out_ = false;
  bool rights_given_ = false;
  bool stopped_ = false;  // perhaps before it began
  Duration time_{};
  ScriptResult result_;
};

}  // namespace

std::vector<std::string> words_of(const std::string& command) {
  std::istringstream in(command);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::optional<Account> account_of(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> words(size_t{1} << 16);
  if (getpwnam_r(user.c_str(), &entry, words.data(), words.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return Account{.uid = found->pw_uid, .gid = found->pw_gid};
}

std::string ScriptResult::text() const {
  std::string words;
  switch (end) {
    case End::kExited:
      words = "exit code " + std::to_string(exit_code);
      break;
    case End::kKilled:
      words = "ended by signal " + std::to_string(exit_code);
      break;
    case End::kTimedOut:
      words = "did not end in time and was killed";
      break;
    case End::kNotStarted:
      words = "could not be started";
      break;
  }
  return output.empty() ? words : words + ": " + output;
}

std::unique_ptr<Script> run_script(asio::io_context& io, const ScriptOrder& order,
                                   std::function<void(ScriptResult)> done) {
  auto script = std::make_unique<Running>(io, std::move(done));
  script->start(order);
  return script;
}

}  // namespace tandem::loop
