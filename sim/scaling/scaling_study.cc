#include "sim/scaling/scaling_study.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "common/check.h"
#include "sim/city/random.h"
#include "sim/experiment/distributions.h"
#include "sim/scaling/scaling_policy.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kMinuteS = 60;
// Who knows everything still leaves this much, for the second's own unevenness.
constexpr double kOracleShare = 0.98;

// What an operator announces is off by so much, and begins early or late by so many minutes.
constexpr double kAnnouncedOff = 0.3;
constexpr std::int64_t kAnnouncedLate = 10;

class Week {
 public:
  Week(const ScalingStudyConfig& config, std::uint64_t seed)
      : config_(config), seed_(seed), demand_(MakeWeekDemand(config.demand, seed)) {
    const std::int64_t first = FirstSecond();
    for (std::int64_t second = first; second < first + kWeekMinutes * kMinuteS; ++second) {
      peak_ = std::max(peak_, demand_.At(second));
    }
  }

  const WeekDemand& demand() const { return demand_; }
  double peak() const { return peak_; }

  cloud::ScalingConfig Scaling(double target) const {
    cloud::ScalingConfig scaling = config_.scaling;
    scaling.capacity_fixes_per_second = config_.queue.capacity_fixes_per_second;
    scaling.target_share = target;
    return scaling;
  }

  // The match, as somebody who does not know exactly tells it.
  cloud::ScalingConfig Announced(double target) const {
    cloud::ScalingConfig scaling = Scaling(target);
    if (!config_.demand.stadium) return scaling;
    Random random(seed_ ^ 0x616e6e6f756e6365);
    const double off = random.Between(1 - kAnnouncedOff, 1 + kAnnouncedOff);
    const auto late = static_cast<std::int64_t>(random.Below(2 * kAnnouncedLate + 1)) - kAnnouncedLate;
    const std::int64_t begin = ToNumber(kFirstMinute) + FirstSecond() / kMinuteS + kStadiumOver + late;
    scaling.announced.push_back({cloud::Minute{begin}, cloud::Minute{begin + kStadiumMinutes},
                                 off * demand_.stadium_fixes_per_second});
    return scaling;
  }

  std::unique_ptr<PredictivePolicy> Predictive(const cloud::ScalingConfig& scaling, bool learned = true) const {
    auto policy = std::make_unique<PredictivePolicy>(scaling);
    if (learned) policy->Learn(demand_, FirstSecond() / kMinuteS);
    return policy;
  }
  std::unique_ptr<ScalingPolicy> Reactive(double target) const {
    return std::make_unique<ReactivePolicy>(config_.queue.capacity_fixes_per_second, target);
  }
  // So much of all load fills the fullest shard.
  double PerShardFull(double share) const {
    return share * config_.queue.capacity_fixes_per_second / config_.queue.imbalance;
  }

  // Every rule begins with the shards that its target wants for the week's first minute.
  WeekUnderRule Run(ScalingPolicy* policy, std::uint32_t begin, std::vector<double>* ready) const {
    ShardQueue queue(config_.queue, begin, seed_ ^ 0x7175657565);
    WeekUnderRule week;
    double offered = 0;
    double shed = 0;
    const std::int64_t first = FirstSecond();
    for (std::int64_t second = first; second < first + kWeekMinutes * kMinuteS; ++second) {
      const double load = demand_.At(second);
      const QueueSecond now = queue.Step(load);
      offered += load;
      shed += now.shed;
      week.shard_hours += queue.all();
      if (now.overload) ++week.overload_s;
      if (now.handover && !now.overload) ++week.handover_s;
      if (ready != nullptr && second % kMinuteS == 0) ready->push_back(queue.ready());
      queue.Want(policy->Wanted({second, now.served, queue.ready(), queue.all()}));
    }
    week.over_limit_s = week.overload_s + week.handover_s;
    week.shard_hours /= 3'600;
    week.shed_share = shed / offered;
    week.changes = queue.changes();
    return week;
  }

  std::uint32_t Begin(double target) const {
    return ShardsFor(demand_.At(FirstSecond()), target * config_.queue.capacity_fixes_per_second);
  }

  std::int64_t FirstSecond() const { return kWeekMinutes * (config_.demand.weeks - 1) * kMinuteS; }

 private:
  const ScalingStudyConfig& config_;
  const std::uint64_t seed_;
  const WeekDemand demand_;
  double peak_ = 0;
};

class Study {
 public:
  explicit Study(const ScalingStudyConfig& config) { study_.config = config; }

  Result<ScalingStudy> Run(const std::function<bool(double)>& progress) {
    const double target = study_.config.scaling.target_share;
    for (std::uint32_t i = 0; i < study_.config.seeds; ++i) {
      if (!progress(static_cast<double>(i) / study_.config.seeds)) {
        return Status(ErrorCode::kUnavailable, "ended early");
      }
      const Week week(study_.config, study_.config.seed + i);
      drawn_ = i == 0;
      FixedPolicy fixed(ShardsFor(week.peak(), week.PerShardFull(kOracleShare)));
      Add("fixed", "fixed at the week's peak", 0, false, week.Run(&fixed, fixed.Wanted({}), nullptr));
      OraclePolicy oracle(&week.demand(), week.PerShardFull(kOracleShare),
                          static_cast<std::int64_t>(study_.config.queue.start_max_s) + 60);
      Add("oracle", "oracle: knows what comes", 0, false,
          week.Run(&oracle, oracle.Wanted({.second = week.FirstSecond()}), nullptr));
      RunRules(week, target, false);
      Predict("predictive_new", "predictive, its first week", week, week.Scaling(target), false, false);
      Predict("announced", "predictive, match announced", week, week.Announced(target), true, false);
      Both("both_announced", "both, match announced", week, week.Announced(target));
      drawn_ = false;
      for (const double each : study_.config.targets) RunRules(week, each, true);
    }
    return std::move(study_);
  }

 private:
  void RunRules(const Week& week, double target, bool of_curve) {
    const std::unique_ptr<ScalingPolicy> reactive = week.Reactive(target);
    Add("reactive", "reactive", target, of_curve,
        week.Run(reactive.get(), week.Begin(target), drawn_ ? &study_.drawing.reactive : nullptr));
    Predict("predictive", "predictive", week, week.Scaling(target), true, of_curve);
    Both("both", "both, the larger wish", week, week.Scaling(target), of_curve);
  }

  void Predict(const char* name, const char* title, const Week& week, const cloud::ScalingConfig& scaling, bool learned,
               bool of_curve) {
    const std::unique_ptr<PredictivePolicy> policy = week.Predictive(scaling, learned);
    const bool draw = drawn_ && std::string(name) == "predictive";
    WeekUnderRule result =
        week.Run(policy.get(), week.Begin(scaling.target_share), draw ? &study_.drawing.predictive : nullptr);
    result.within = policy->within();
    result.forecast_error = policy->error();
    Add(name, title, scaling.target_share, of_curve, result);
    if (draw) Draw(week, scaling);
  }

  void Both(const char* name, const char* title, const Week& week, const cloud::ScalingConfig& scaling,
            bool of_curve = false) {
    LargerPolicy policy(week.Predictive(scaling), week.Reactive(scaling.target_share));
    Add(name, title, scaling.target_share, of_curve,
        week.Run(&policy, week.Begin(scaling.target_share), nullptr));
  }

  // What was forecast for each minute, ten minutes before.
  void Draw(const Week& week, const cloud::ScalingConfig& scaling) {
    cloud::ScalingPlanner planner(scaling);
    const std::int64_t first = week.FirstSecond() / kMinuteS;
    WeekDrawing& drawing = study_.drawing;
    for (std::int64_t minute = 0; minute < first + kWeekMinutes; ++minute) {
      const auto at = static_cast<std::size_t>(minute);
      const std::vector<double>& load = week.demand().fixes_per_second;
      (void)planner.Observe(cloud::Minute{ToNumber(kFirstMinute) + minute}, (load[at] + load[at + 1]) / 2);
      if (minute >= first) drawing.load.push_back(load[at]);
      const std::int64_t due = minute + cloud::LoadForecaster::kHorizonMinutes;
      if (due < first || due >= first + kWeekMinutes) continue;
      const cloud::LoadForecast forecast = *planner.forecaster().Forecast();
      drawing.low.push_back(forecast.low);
      drawing.high.push_back(forecast.high);
    }
  }

  void Add(const char* name, const char* title, double target, bool of_curve, const WeekUnderRule& week) {
    const auto found = std::find_if(study_.rules.begin(), study_.rules.end(), [&](const RuleResult& rule) {
      return rule.name == name && rule.target == target && rule.of_curve == of_curve;
    });
    if (found != study_.rules.end()) return found->weeks.push_back(week);
    study_.rules.push_back({name, title, target, of_curve, {week}});
  }

  ScalingStudy study_;
  bool drawn_ = false;
};

}  // namespace

Status ScalingStudyConfig::Validate() const {
  for (const Status& status : {demand.Validate(), queue.Validate(), scaling.Validate()}) {
    if (!status.ok()) return status;
  }
  if (seeds < 2 || seeds > 1'000) return {ErrorCode::kInvalidArgument, "seeds must be 2 to 1000"};
  if (!scaling.announced.empty()) return {ErrorCode::kInvalidArgument, "scaling.announced is the study's own"};
  for (const double target : targets) {
    if (!(target >= 0.1 && target <= 1)) return {ErrorCode::kInvalidArgument, "targets must be 0.1 to 1"};
  }
  return {};
}

Result<ScalingStudy> RunScalingStudy(const ScalingStudyConfig& config, const std::function<bool(double)>& progress) {
  STARLING_CHECK(config.Validate().ok());
  return Study(config).Run(progress);
}

MeanOf Mean(const RuleResult& rule, double WeekUnderRule::*figure) {
  const auto n = static_cast<double>(rule.weeks.size());
  double sum = 0;
  for (const WeekUnderRule& week : rule.weeks) sum += week.*figure;
  MeanOf result{sum / n, {}};
  double squares = 0;
  for (const WeekUnderRule& week : rule.weeks) {
    const double off = week.*figure - result.mean;
    squares += off * off;
  }
  const double half = rule.weeks.size() < 2 ? 0
                                            : StudentQuantile(0.95, static_cast<std::uint32_t>(rule.weeks.size() - 1)) *
                                                  std::sqrt(squares / (n * (n - 1)));
  result.interval = {result.mean - half, result.mean + half};
  return result;
}

}  // namespace starling::sim
