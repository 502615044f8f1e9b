# Rendered by packaging/release/homebrew.sh, which fills in the version and the checksums of its archives.
class Myhealth < Formula
  desc "Prometheus exporter, SQL archive and REST API for Oura rings"
  homepage "https://github.com/@REPOSITORY@"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/myhealth-@VERSION@-aarch64-macos.tar.gz"
      sha256 "@aarch64-macos@"
    end
    on_intel do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/myhealth-@VERSION@-x86_64-macos.tar.gz"
      sha256 "@x86_64-macos@"
    end
  end
  on_linux do
    on_arm do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/myhealth-@VERSION@-aarch64-linux.tar.gz"
      sha256 "@aarch64-linux@"
    end
    on_intel do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/myhealth-@VERSION@-x86_64-linux.tar.gz"
      sha256 "@x86_64-linux@"
    end
  end

  def install
    bin.install "myhealth"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/myhealth.bash" => "myhealth"
    zsh_completion.install "completions/_myhealth"
    fish_completion.install "completions/myhealth.fish"
    pkgshare.install "dashboards", "rules"
  end

  service do
    run [opt_bin/"myhealth", "serve"]
    keep_alive crashed: true
    environment_variables MYHEALTH_DATA_DIR: var/"myhealth"
    log_path var/"log/myhealth.log"
    error_log_path var/"log/myhealth.log"
  end

  test do
    assert_match "myhealth #{version}", shell_output("#{bin}/myhealth --version")
    system bin/"myhealth", "rules", "--to", testpath/"rules"
    assert_path_exists testpath/"rules/health.yaml"
  end
end
