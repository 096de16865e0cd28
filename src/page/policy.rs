//! What keeps a saved page from the network: a Content-Security-Policy, and a script for what no policy stops.

use super::Omit;
use super::reference::AssetKind;
use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

/// Keeps a script from leading away from the page, and from what no policy stops: WebRTC. It leaves nothing of itself. What the user does is left to
/// the user. It has what it needs before another script can change it.
pub(super) const NAVIGATION_GUARD: &str = "(()=>{const c=Function.prototype.call,f=c.bind.bind(c),g=(o,n)=>o&&f(\
Object.getOwnPropertyDescriptor(o.prototype,n).get),E=window.NavigateEvent,u=g(E,\"userInitiated\"),d=g(E,\"destination\"),\
s=g(window.NavigationDestination,\"sameDocument\"),a=g(window.UserActivation,\"isActive\"),p=f(Event.prototype.preventDefault),\
n=navigator.userActivation;window.navigation?.addEventListener(\"navigate\",e=>{u(e)||s(d(e))||a(n)||p(e)},!0);\
delete window.RTCPeerConnection;delete window.webkitRTCPeerConnection})();\
document.currentScript.remove()";

/// The Content-Security-Policy of a page that is saved: nothing from the network, and nothing of what is left out.
pub(super) fn policy(omit: Omit) -> String {
    let mut policy = "default-src 'none'".to_owned();
    for (kind, directive) in [
        (AssetKind::Image, "img-src data: blob:"),
        (AssetKind::Style, "style-src data: 'unsafe-inline'"),
        (AssetKind::Font, "font-src data: blob:"),
        (AssetKind::Script, "script-src data: blob: 'unsafe-inline' 'unsafe-eval'"),
        (AssetKind::Frame, "frame-src data: blob:"),
        (AssetKind::Frame, "object-src data: blob:"),
        (AssetKind::Media, "media-src data: blob:"),
        (AssetKind::Script, "connect-src data: blob:"),
        (AssetKind::Script, "worker-src data: blob:"),
    ] {
        if !omit.has(kind) {
            policy.extend(["; ", directive]);
        }
    }
    policy.push_str("; form-action 'none'");
    if omit.has(AssetKind::Script) {
        // But for the one that keeps the page in its place.
        let hash = BASE64.encode(digest(&SHA256, NAVIGATION_GUARD.as_bytes()).as_ref());
        policy.push_str(&format!("; script-src 'sha256-{hash}'"));
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_shut_out() {
        let policy = policy("js,images".parse().expect("valid"));
        assert!(!policy.contains("img-src") && policy.contains("style-src data:") && policy.ends_with("='"), "{policy}");
        assert!(!policy.contains('"') && policy.starts_with("default-src 'none'; "), "{policy}");
    }
}
