//! Pages with one asset each, which a check in a real browser sees: live, and saved with the network shut.

use crate::bmp::bmp;
use crate::browser::Browser;
use crate::harness::Place;
use crate::media::{encode, font, png, wav};
use fixtures::{Request, Script, Server, reply};
use serde_json::Value;

/// The assets: each does what a check can see.
fn asset(request: &Request) -> Script {
    let path = request.path().split('?').next().unwrap_or_default();
    let (cors, path) = match path.strip_prefix("/cors") {
        Some(path) => ("\nAccess-Control-Allow-Origin: *", path),
        None => ("", path),
    };
    let give = |media_type: &str, body: &[u8]| reply("200 OK", &format!("Content-Type: {media_type}{cors}"), body);
    let image = |width, height| give("image/bmp", &bmp(width, height));
    let css = |body: &str| give("text/css", body.as_bytes());
    let script = |body: &str| give("text/javascript", body.as_bytes());
    let svg = |body: &str| {
        let xml = "xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'";
        give("image/svg+xml", body.replace("<svg", &format!("<svg {xml}")).as_bytes())
    };
    match path {
        "/7.bmp" | "/sub/7.bmp" => image(7, 5),
        "/9.bmp" => image(9, 4),
        "/a,b.bmp" | "/sp%20ace.bmp" | "/q(1).bmp" | "/%E5%9B%BE.bmp" => image(7, 5),
        "/404.bmp" => reply("404 Not Found", "Content-Type: image/bmp", bmp(7, 5)),
        "/typed.bmp" => give("text/plain", &bmp(7, 5)),
        "/moved.bmp" => reply("302 Found", "Location: /7.bmp", ""),
        "/a.css" => css("#a { width: 11px; background: url(7.bmp) }"),
        "/b.css" => css("#a { height: 13px }"),
        "/import.css" => css("@import 'sub/b.css';"),
        "/sub/b.css" => css("@import url('../a.css');"),
        "/loop.css" => css("@import 'loop.css'; @import 'loop2.css'; #a { width: 11px }"),
        "/loop2.css" => css("@import 'loop.css'; #a { height: 13px }"),
        "/end.css" => css("#a { width: 11px } p::after { content: '</style><!--' }"),
        "/wrong.css" => give("text/plain", b"#a { width: 11px }"),
        "/gbk.css" => give("text/css", &encode("gbk", "p::after { content: '中文' }")),
        "/font.css" => css("@font-face { font-family: F; src: url(font.ttf) }"),
        "/a.js" => script("window.ran = (window.ran || '') + 'a';"),
        "/b.js" => script("window.ran = (window.ran || '') + 'b'; '</script><!--<script>';"),
        "/sub/write.js" => script("document.write('<img src=\\'7.bmp\\'><script src=a.js></' + 'script>');"),
        "/write.js" => script("document.write('<p id=a style=\"width: 11px\">');"),
        "/gbk.js" => give("text/javascript", &encode("gbk", "window.text = '中文';")),
        "/m.js" => script("import {n} from './sub/n.js'; window.module = n + import.meta.url.length;"),
        "/sub/n.js" => script("import './o.js'; export const n = 1;"),
        "/3.js" => script("export const n = 3;"),
        "/sub/o.js" => script("import './n.js'; export const o = 2;"),
        "/data.json" => give("application/json", b"{\"n\": 1}"),
        "/frame.html" => {
            give("text/html", b"<!DOCTYPE html><img src=7.bmp onload=\"parent.postMessage(this.naturalWidth, '*')\">")
        }
        "/frame.xhtml" => {
            let script =
                "<script>if (1 &lt; 2) parent.postMessage(document.getElementById('a').textContent.length, '*')</script>";
            let html = format!(
                "<html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='a.js'/></head><body><p id='a'>seven c</p>{script}</body></html>"
            );
            give("application/xhtml+xml", html.as_bytes())
        }
        "/handlers.svg" => svg(
            "<svg><symbol id='s'><rect width='9' height='9'/></symbol><foreignObject><img src='zz:' onerror=\"if (location.protocol != 'http:') location = 'http://127.0.0.1:9/away'\"/></foreignObject></svg>",
        ),
        "/html.svg" => {
            svg("<svg><link xmlns='http://www.w3.org/1999/xhtml' rel='preconnect' href='https://127.0.0.1:9/'/></svg>")
        }
        "/sameorigin.html" => {
            let fields = "Content-Type: text/html\nX-Frame-Options: SAMEORIGIN";
            reply("200 OK", fields, "<script>parent.postMessage(7, '*')</script>")
        }
        "/hostile.bmp" => give("image/x\"onerror=\"window.ran='x'", b"zzz"),
        "/untyped.html" => reply("200 OK", "", "<!DOCTYPE html><script>parent.postMessage(7, '*')</script>"),
        "/gone.html" => {
            let html = "<!DOCTYPE html><script>parent.postMessage(7, '*')</script>";
            reply("404 Not Found", "Content-Type: text/html", html)
        }
        "/maps.html" => {
            let map = "{\"imports\": {\"w\": \"/3.js\"}}";
            let html = format!(
                "<script type=importmap>{map}</script><script type=module>import {{n}} from 'w'; parent.postMessage(n, '*')</script>"
            );
            give("text/html", html.as_bytes())
        }
        "/leave.html" => give(
            "text/html",
            b"<!DOCTYPE html><script>if (location.protocol != 'http:') top.location = 'http://127.0.0.1:9/away'</script>",
        ),
        "/text.txt" => give("text/plain; charset=utf-8", "é 中文".as_bytes()),
        "/gbk.svg" => give(
            "image/svg+xml",
            &encode(
                "gbk",
                "<?xml version='1.0' encoding='gbk'?><svg xmlns='http://www.w3.org/2000/svg' width='90' height='30'><text y='20'>中文</text></svg>",
            ),
        ),
        "/moved.svg" => reply("302 Found", "Location: /sub/moved.svg", ""),
        "/sub/moved.svg" => svg(
            "<svg><symbol id='s'><use href='#r'/><rect id='r' width='17' height='3'/></symbol><script>window.ran = 'x'</script><g onload='window.ran = 1'/></svg>",
        ),
        "/type.svg" => {
            svg("<svg><style>path, rect { fill: #ff0000 }</style><symbol id='s'><rect width='17' height='3'/></symbol></svg>")
        }
        "/amp.svg" => svg(
            "<svg width='30' height='30'><style>@import 'rect.css?a=1&amp;b=2';</style><rect id='r' height='1'/><script>parent.postMessage(document.getElementById('r').getBBox().width, '*')</script></svg>",
        ),
        "/old.html" => give("text/html", b"<script>parent.postMessage(document.compatMode, '*')</script>"),
        "/inner.html" => give("text/html", b"<!DOCTYPE html><p id=a>inner</p><img src=7.bmp><p id=x style='margin-top:900px'>"),
        "/frames.html" => give("text/html", b"<frameset cols=50%,50%><frame src=frame.html><frame src=frame.html></frameset>"),
        "/a.svg" => svg(
            "<svg width='13' height='6'><symbol id='s'><rect width='17' height='3'/></symbol><g id='t'><rect width='15' height='3'/></g></svg>",
        ),
        "/root.svg" => svg("<svg width='13' height='6'><rect width='13' height='6'/></svg>"),
        "/image.svg" => svg(
            "<svg width='30' height='30'><image id='i' href='7.bmp' onload='parent.postMessage(document.getElementById(\"i\").getBBox().width, \"*\")'/></svg>",
        ),
        "/cdata.svg" => svg(
            "<svg width='30' height='30'><style><![CDATA[ rect { width: 19px } ]]></style><rect id='r' height='1'/><script>parent.postMessage(document.getElementById('r').getBBox().width, '*')</script></svg>",
        ),
        "/sheet.svg" => svg(
            "<?xml version='1.0'?><?xml-stylesheet type='text/css' href='rect.css'?><svg width='30' height='30'><rect id='r' height='1'/><script>parent.postMessage(document.getElementById('r').getBBox().width, '*')</script></svg>",
        ),
        "/rect.css" => css("rect { width: 19px }"),
        "/red.svg" => {
            svg("<svg><style>.c { fill: #ff0000 }</style><symbol id='s'><rect class='c' width='17' height='3'/></symbol></svg>")
        }
        "/blue.svg" => svg(
            "<svg><defs><style>.c { fill: #0000ff }</style></defs><symbol id='s'><rect class='c' width='17' height='3'/></symbol></svg>",
        ),
        "/chain.svg" => svg(
            "<svg><defs><linearGradient id='g'><stop stop-color='#00ff00'/></linearGradient></defs><symbol id='s'><use xlink:href='#r'/><rect id='r' fill='url(#g)' width='17' height='3'/></symbol></svg>",
        ),
        "/clip.svg" => svg(
            "<svg><clipPath id='c'><rect width='5' height='5'/></clipPath><filter id='f'><feFlood flood-color='#00ff00'/></filter></svg>",
        ),
        "/a.vtt" => give("text/vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n"),
        "/large.png" => give("image/png", &png(80, 60)),
        "/2.wav" => give("audio/wav", &wav(2)),
        "/font.ttf" => give("font/ttf", &font(2000)),
        "/font3.ttf" => give("application/octet-stream", &font(3000)),
        _ => reply("404 Not Found", "", ""),
    }
}

/// A page and what has to be true in it. `{other}` is another origin; a page without a doctype begins with `-`.
type Trap = (&'static str, &'static str);

const TRAPS: &[Trap] = &[
    // Images.
    ("<img src=7.bmp>", "document.images[0].naturalWidth == 7"),
    ("<IMG SRC='7.bmp' src=9.bmp>", "document.images[0].naturalWidth == 7"),
    ("<img/src=7.bmp>", "document.images[0].naturalWidth == 7"),
    ("<img src=' 7&#46;b\nmp '>", "document.images[0].naturalWidth == 7"),
    ("<img src=a,b.bmp><img src='sp ace.bmp'><img src=图.bmp>", "[...document.images].every(i => i.naturalWidth == 7)"),
    ("<img src=404.bmp>", "document.images[0].naturalWidth == 7"),
    ("<img src=typed.bmp>", "document.images[0].naturalWidth == 7"),
    ("<img src=moved.bmp>", "document.images[0].naturalWidth == 7"),
    ("<img src={other}/7.bmp>", "document.images[0].naturalWidth == 7"),
    ("<img crossorigin src={other}/cors/7.bmp>", "document.images[0].naturalWidth == 7"),
    ("<img src=a.svg>", "document.images[0].naturalWidth == 13"),
    ("<image src=7.bmp>", "document.images[0].naturalWidth == 7"),
    ("<input type=Image src=7.bmp>", "document.querySelector('input').offsetWidth == 7"),
    ("<p><img src=7.bmp><p><img src=7.bmp>", "[...document.images].every(i => i.naturalWidth == 7)"),
    ("<img src=none.bmp onerror=\"this.onerror=null;this.src='7.bmp'\">", "document.images[0].naturalWidth == 7"),
    ("<img src=none.bmp onerror='this.src = &quot;/7.bmp&quot;'>", "document.images[0].naturalWidth == 7"),
    (
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' data-src=7.bmp><script>document.images[0].src = document.images[0].dataset.src</script>",
        "document.images[0].naturalWidth == 7",
    ),
    (
        "<img data-srcset='7.bmp 1x'><script>document.images[0].srcset = document.images[0].dataset.srcset</script>",
        "document.images[0].naturalWidth == 7",
    ),
    (
        "<div id=a data-bg=7.bmp><script>a.style.content = `url(${a.dataset.bg})`; a.style.display = 'inline-block'</script>",
        "a.offsetWidth == 7",
    ),
    ("<img loading=lazy src=7.bmp style='margin-top:9000px'>", "(scrollTo(0, 9000), document.images[0].naturalWidth == 7)"),
    ("<img hidden src=7.bmp>", "document.images[0].naturalWidth == 7"),
    ("<custom-element><img src=7.bmp></custom-element>", "document.images[0].naturalWidth == 7"),
    (
        "<div><template shadowrootmode=open><style>p { width: 11px }</style><p></p><img src=7.bmp></template></div>",
        "(s => s.querySelector('img').naturalWidth == 7 && getComputedStyle(s.querySelector('p')).width == '11px')(document.querySelector('div').shadowRoot)",
    ),
    // Several images to choose from.
    ("<img src='7.bmp#x' srcset='9.bmp 1x, 7.bmp 2x'>", "document.images[0].naturalWidth == 9"),
    ("<img srcset='9.bmp'>", "document.images[0].naturalWidth == 9"),
    ("<img src=none.bmp srcset=',9.bmp,'>", "document.images[0].naturalWidth == 9"),
    ("<img srcset='a,b.bmp 1x, 9.bmp 2x'>", "document.images[0].naturalWidth == 7"),
    ("<img srcset='sp%20ace.bmp 1x'>", "document.images[0].naturalWidth == 7"),
    ("<img srcset='7.bmp 100w, 9.bmp 2000w' sizes=100px>", "document.images[0].naturalWidth == 7"),
    ("<picture><source media='(min-width: 1px)' srcset=9.bmp><img src=7.bmp></picture>", "document.images[0].naturalWidth == 9"),
    ("<picture><source media='(max-width: 1px)' srcset=9.bmp><img src=7.bmp></picture>", "document.images[0].naturalWidth == 7"),
    ("<picture><source type=image/none srcset=9.bmp><img src=7.bmp></picture>", "document.images[0].naturalWidth == 7"),
    (
        "<picture><source type=image/bmp srcset=9.bmp><source srcset=none.bmp><img></picture>",
        "document.images[0].naturalWidth == 9",
    ),
    // Style sheets.
    ("<link rel=stylesheet href=a.css><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<link rel='StyleSheet' type='text/css' href=a.css><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<link rel=stylesheet href=import.css><p id=a>", "getComputedStyle(a).width == '11px'"),
    (
        "<link rel=stylesheet href=loop.css><p id=a>",
        "getComputedStyle(a).width == '11px' && getComputedStyle(a).height == '13px'",
    ),
    (
        "<link rel=stylesheet media=print href=a.css><p id=a>",
        "getComputedStyle(a).width != '11px' && document.styleSheets.length == 1",
    ),
    ("<link rel=stylesheet media=print href=a.css onload=\"this.media='all'\"><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<link rel='alternate stylesheet' title=x href=a.css><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("<link rel=stylesheet disabled href=a.css><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("<link rel=preload as=style href=a.css onload=\"this.rel='stylesheet'\"><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<p id=a><link rel=stylesheet href=a.css>", "getComputedStyle(a).width == '11px'"),
    (
        "<p id=a><link rel=stylesheet href=a.css><link rel=stylesheet href=b.css>",
        "getComputedStyle(a).width == '11px' && getComputedStyle(a).height == '13px'",
    ),
    ("<link rel=stylesheet href=wrong.css><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("-<link rel=stylesheet href=wrong.css><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("-<link rel=stylesheet href={other}/wrong.css><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("<link rel=stylesheet href={other}/a.css><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<link rel=stylesheet crossorigin href={other}/a.css><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("<link rel=stylesheet crossorigin integrity=sha256-AAAA href=a.css><p id=a>", "getComputedStyle(a).width != '11px'"),
    (
        "<link rel=stylesheet charset=gbk href=gbk.css><p>",
        "getComputedStyle(document.querySelector('p'), '::after').content == '\"中文\"'",
    ),
    (
        "<link rel=stylesheet href=end.css><p id=a>",
        "getComputedStyle(a).width == '11px' && getComputedStyle(a, '::after').content == '\"</style><!--\"'",
    ),
    ("<noscript><link rel=stylesheet href=a.css></noscript><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("<style>@import 'a.css' layer(x) screen;</style><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<style>@layer x; @import url(a.css) layer(x);</style><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<style>@import url(a.css) supports(display: grid);</style><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<style>@import url(a.css) supports(display: none-such);</style><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("<style>@IMPORT/**/\"a.css\"/**/;</style><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<style>p{} @import 'a.css';</style><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("<style media=print>@import 'a.css';</style><p id=a>", "getComputedStyle(a).width != '11px'"),
    ("<style><!-- p { content: url(7.bmp); display: inline-block } --></style><p id=a>", "a.offsetWidth == 7"),
    // What CSS calls a URL.
    ("<style>p { display: inline-block; content: URL( '7.bmp' ) }</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p { display: inline-block; content: u\\72l(7.bmp) }</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p { display: inline-block; content: url(\\37 .bmp) }</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p { display: inline-block; content: url(\"7.\\\nbmp\") }</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p { display: inline-block; content: url(q\\(1\\).bmp) }</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p { display: inline-block; content: url(7.bmp</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p { display: inline-block; content: image-set('7.bmp' 1x, '9.bmp' 2x) }</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p { display: inline-block; content: -webkit-image-set(url(7.bmp) 1x) }</style><p id=a>", "a.offsetWidth == 7"),
    (
        "<style>p { display: inline-block; content: image-set(url(9.bmp) type('image/none'), url(7.bmp) type('image/bmp')) }</style><p id=a>",
        "a.offsetWidth == 7",
    ),
    ("<style>:root { --i: url(7.bmp) } p { content: var(--i); display: inline-block }</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p { content: var(--none, url(7.bmp)); display: inline-block }</style><p id=a>", "a.offsetWidth == 7"),
    ("<style>p::before { content: url(7.bmp) } p { display: inline-block }</style><p id=a></p>", "a.offsetWidth == 7"),
    (
        "<style>@media all { @supports (display: grid) { p { display: inline-block; & { content: url(7.bmp) } } } }</style><p id=a>",
        "a.offsetWidth == 7",
    ),
    (
        "<style>@keyframes k { to { content: url(7.bmp) } } p { display: inline-block; animation: k 1ms forwards }</style><p id=a>",
        "a.offsetWidth == 7",
    ),
    ("<p id=a style='display: inline-block; content: url(7.bmp)'>", "a.offsetWidth == 7"),
    ("<p id=a style=\"display: inline-block; content: url('7.bmp')\">", "a.offsetWidth == 7"),
    ("<p id=a style='display: inline-block; content: url(&quot;7.bmp&quot;)'>", "a.offsetWidth == 7"),
    (
        "<style>p { float: left; border: 9px solid; border-image: url(7.bmp) 1 } p { list-style: url(7.bmp); cursor: url(7.bmp) 1 1, auto; -webkit-mask: url(7.bmp) }</style><p id=a>",
        "(s => [s.borderImageSource, s.listStyleImage, s.cursor, s.maskImage].every(u => inPage(u)))(getComputedStyle(a))",
    ),
    ("<style>@namespace n url(none); p { width: 11px }</style><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<style>p { width: 11px } p::after { content: '</style' }</style><p id=a>", "getComputedStyle(a).width == '11px'"),
    (
        "<svg width=30 height=30><rect id=a width=9 height=9 style='clip-path: url(clip.svg#c); filter: url(clip.svg#f)' /></svg>",
        "inPage(getComputedStyle(a).clipPath)",
    ),
    // Fonts.
    (
        "<style>@font-face { font-family: F; src: url(font.ttf) } span { font: 10px F }</style><span id=a>aa</span>",
        "a.offsetWidth == 40",
    ),
    ("<link rel=stylesheet href=font.css><span id=a style='font: 10px F'>aa</span>", "a.offsetWidth == 40"),
    (
        "<style>@font-face { font-family: F; src: local('none such'), url(none.woff2) format('woff2'), url('font.ttf?#iefix') format('truetype') } span { font: 10px F }</style><span id=a>aa</span>",
        "a.offsetWidth == 40",
    ),
    (
        "<style>@font-face { font-family: F; src: url(font3.ttf) format('none'), url(font.ttf) } span { font: 10px F }</style><span id=a>aa</span>",
        "a.offsetWidth == 40",
    ),
    (
        "<style>@font-face { font-family: F; src: url(font.ttf); src: url(font3.ttf) } span { font: 10px F }</style><span id=a>aa</span>",
        "a.offsetWidth == 60",
    ),
    (
        "<style>@font-face { font-family: F; src: url(font.ttf); unicode-range: U+41-5A } @font-face { font-family: F; src: url(font3.ttf); unicode-range: u+61-7A } span { font: 10px F }</style><span id=a>aA</span>",
        "a.offsetWidth == 50",
    ),
    (
        "<style>@font-face { font-family: F; src: url(font3.ttf); unicode-range: U+4E2D } span { font: 10px F }</style><span id=a>&#x4e2d;</span>",
        "a.offsetWidth == 30",
    ),
    (
        "<style>@font-face { font-family: F; src: url({other}/font.ttf) } span { font: 10px F }</style><span id=a>aa</span>",
        "a.offsetWidth != 40",
    ),
    (
        "<style>@font-face { font-family: F; src: url({other}/cors/font.ttf) } span { font: 10px F }</style><span id=a>aa</span>",
        "a.offsetWidth == 40",
    ),
    // Scripts.
    ("<script>ran = 'x'</script><script src=a.js></script><script src=b.js></script>", "ran == 'xab'"),
    ("<script defer src=a.js></script><script src=b.js></script>", "ran == 'ba'"),
    ("<script defer src=a.js></script><script defer src=b.js></script><script>ran = 'x'</script>", "ran == 'xab'"),
    ("<script src=a.js async></script>", "ran == 'a'"),
    ("<script src=b.js></script><p id=a>text</p>", "ran == 'b' && a.innerText == 'text'"),
    ("<script src=a.js>ignored()</script>", "ran == 'a'"),
    ("<script src=write.js></script>", "getComputedStyle(a).width == '11px'"),
    ("<script>document.write('<script src=\"a.js\"><\\/script>')</script>", "ran == 'a'"),
    (
        "<script src=none.js></script><script>window.none || document.write(\"<script src='a.js'><\\/script>\")</script>",
        "ran == 'a'",
    ),
    (
        "<script>document.write('<img src=7.bmp><link rel=\"stylesheet\" href=\"a.css\"><p id=a>')</script>",
        "document.images[0].naturalWidth == 7 && getComputedStyle(a).width == '11px'",
    ),
    ("<script src=sub/write.js></script>", "document.images[0].naturalWidth == 7 && ran == 'a'"),
    ("<base href=/sub/><script src=write.js></script>", "document.images[0].naturalWidth == 7"),
    ("<script charset=gbk src=gbk.js></script>", "text == '中文'"),
    ("<script language=JavaScript1.2 src=a.js></script>", "ran == 'a'"),
    ("<script type='text/template' src=a.js id=a><img src=none.bmp></script>", "!window.ran && a.text == '<img src=none.bmp>'"),
    ("<script nomodule src=a.js></script>", "!window.ran"),
    ("<script integrity=sha256-AAAA src=a.js></script>", "!window.ran"),
    ("<script integrity=sha256-AAAA crossorigin=anonymous src={other}/a.js></script>", "!window.ran"),
    ("<script crossorigin src={other}/a.js></script>", "!window.ran"),
    ("<script crossorigin src={other}/cors/a.js></script>", "ran == 'a'"),
    ("<script type=module src=m.js></script>", "module > 1"),
    ("<script type=module src=m.js></script><script>module = undefined</script>", "module > 1"),
    ("<script type=module>import './m.js'; import {n} from './sub/n.js'; window.two = n</script>", "module > 1 && two == 1"),
    ("<script type=module src={other}/m.js></script>", "!window.module"),
    ("<script type=module src={other}/cors/m.js></script>", "module > 1"),
    ("<script type=module>import data from './data.json' with {type: 'json'}; window.n = data.n</script>", "window.n == 1"),
    (
        "<p id=a><script type=module>import sheet from './a.css' with {type: 'css'}; document.adoptedStyleSheets = [sheet]</script>",
        "getComputedStyle(a).width == '11px'",
    ),
    (
        "<script type=importmap>{\"imports\": {\"n\": \"./sub/n.js\"}}</script><script type=module>import {n} from 'n'; window.two = n</script>",
        "two == 1",
    ),
    (
        "<script type=importmap>{\"imports\": {\"lib/\": \"./sub/\"}}</script><script type=module>import {n} from 'lib/n.js'; window.two = n</script>",
        "two == 1",
    ),
    ("<script>import('./sub/n.js').then(m => window.late = m.n)</script>", "window.late == 1"),
    ("<script>import(`./sub/n.js`).then(m => window.late = m.n)</script>", "window.late == 1"),
    (
        "<script type=importmap>{\"imports\": {\"n\": \"./none.js\"}, \"scopes\": {\"/\": {\"n\": \"./sub/n.js\"}}}</script><script type=module>import {n} from 'n'; window.two = n</script>",
        "two == 1",
    ),
    (
        "<script>onmessage = e => window.framed = e.data</script><iframe src=maps.html></iframe><script type=importmap>{\"imports\": {\"w\": \"/sub/n.js\"}}</script><script type=module>import {n} from 'w'; window.two = n</script>",
        "two == 1 && framed == 3",
    ),
    ("<iframe srcdoc=\"<script type=module>import {n} from './sub/n.js'; parent.two = n</script>\"></iframe>", "window.two == 1"),
    (
        "<iframe srcdoc='<svg width=30 height=30><use href=a.svg#s /></svg>'></iframe>",
        "frames[0].document.querySelector('use').getBBox().width == 17",
    ),
    ("<link rel=modulepreload href=sub/n.js><script type=module src=m.js></script>", "module > 1"),
    ("<body onload=\"ran = 'x'\">", "ran == 'x'"),
    ("<svg><script href=a.js /></svg>", "window.ran == 'a'"),
    (
        "<script>if (location.protocol == 'file:') location.href = 'http://127.0.0.1:9/away'</script><p id=a>here",
        "new Promise(r => setTimeout(r, 500)).then(() => document.getElementById('a').innerText == 'here')",
    ),
    (
        "<script>if (location.protocol == 'file:') document.write('<script src=\"http://127.0.0.1:9/x.js\"></' + 'script>')</script><p id=a>here",
        "document.getElementById('a').innerText == 'here'",
    ),
    // Frames and objects.
    ("<script>onmessage = e => window.width = e.data</script><iframe src=frame.html></iframe>", "window.width == 7"),
    ("<script>onmessage = e => window.width = e.data</script><iframe loading=lazy src=frame.html></iframe>", "window.width == 7"),
    ("<script>onmessage = e => window.width = e.data</script><iframe src={other}/frame.html></iframe>", "window.width == 7"),
    (
        "<script>onmessage = e => window.width = e.data</script><iframe srcdoc=\"<img src='7.bmp' onload='parent.postMessage(this.naturalWidth, `*`)'>\"></iframe>",
        "window.width == 7",
    ),
    ("<script>onmessage = e => window.width = e.data</script><iframe src=frame.xhtml></iframe>", "window.width == 7"),
    ("<script>onmessage = e => window.width = e.data</script><iframe src=untyped.html></iframe>", "window.width == 7"),
    ("<script>onmessage = e => window.width = e.data</script><iframe src=gone.html></iframe>", "window.width == 7"),
    ("<script>onmessage = e => window.width = e.data</script><iframe src=amp.svg></iframe>", "window.width == 19"),
    (
        "<noscript><iframe src=inner.html></iframe></noscript><p id=a>text",
        "document.getElementById('a').innerText == 'text' && frames.length == 0",
    ),
    ("<script>onmessage = e => window.width = e.data</script><iframe src=sameorigin.html></iframe>", "window.width == 7"),
    (
        "<script>onmessage = e => window.width = e.data</script><iframe src={other}/sameorigin.html></iframe>",
        "new Promise(r => setTimeout(r, 300)).then(() => !window.width)",
    ),
    ("<script>onmessage = e => window.mode = e.data</script><iframe src=old.html></iframe>", "window.mode == 'BackCompat'"),
    (
        "<iframe src=inner.html></iframe>",
        "frames[0].document.getElementById('a').innerText == 'inner' && frames[0].document.images[0].naturalWidth == 7",
    ),
    (
        "<iframe src=inner.html onload='this.height = this.contentWindow.document.documentElement.scrollHeight'></iframe>",
        "document.querySelector('iframe').offsetHeight > 800",
    ),
    ("<iframe name=n src='about:blank'></iframe>", "frames.length == 1"),
    (
        "<script>onmessage = e => window.width = e.data</script><iframe src=frames.html></iframe>",
        "window.parent && frames[0].length == 2",
    ),
    ("<script>onmessage = e => window.width = e.data</script><iframe src=image.svg></iframe>", "window.width == 7"),
    ("<script>onmessage = e => window.width = e.data</script><iframe src=cdata.svg></iframe>", "window.width == 19"),
    ("<script>onmessage = e => window.width = e.data</script><iframe src=sheet.svg></iframe>", "window.width == 19"),
    (
        "<frameset cols=50%,50%><frame src=inner.html><frame src=inner.html></frameset>",
        "frames.length == 2 && document.compatMode == 'CSS1Compat'",
    ),
    ("<object data=a.svg type=image/svg+xml></object>", "document.querySelector('object').offsetWidth == 13"),
    ("<object data=7.bmp></object>", "document.querySelector('object').offsetWidth == 7"),
    ("<object data=none><img src=7.bmp></object>", "document.images[0].naturalWidth == 7 && document.images[0].offsetWidth == 7"),
    (
        "<script>onmessage = e => window.width = e.data</script><object data=frame.html type=text/html></object>",
        "window.width == 7",
    ),
    ("<embed src=7.bmp>", "inPage(document.querySelector('embed').src)"),
    ("<script>onmessage = e => window.width = e.data</script><embed src=frame.html type=text/html>", "window.width == 7"),
    // SVG.
    ("<svg width=20 height=20><image href=7.bmp /></svg>", "document.querySelector('image').getBBox().width == 7"),
    ("<svg width=20 height=20><image xlink:href=7.bmp /></svg>", "document.querySelector('image').getBBox().width == 7"),
    (
        "<svg width=20 height=20><foreignObject width=20 height=20><img src=7.bmp></foreignObject></svg>",
        "document.images[0].naturalWidth == 7",
    ),
    ("<svg width=30 height=30><use href='a.svg#s' /></svg>", "document.querySelector('use').getBBox().width == 17"),
    ("<svg width=30 height=30><use xlink:href='a.svg#t' x=3 /></svg>", "document.querySelector('use').getBBox().width == 15"),
    ("<svg width=30 height=30><use href='root.svg' /></svg>", "document.querySelector('use').getBBox().width == 13"),
    ("<svg width=30 height=30><use href='chain.svg#s' /></svg>", "document.querySelector('use').getBBox().width == 17"),
    (
        "<svg><rect id=a class=c width=9 height=9 /><use href='red.svg#s'/><use href='blue.svg#s'/></svg>",
        "a.getBBox().width == 9 && getComputedStyle(a).fill == 'rgb(0, 0, 0)'",
    ),
    ("<svg width=30 height=30><use href='{other}/a.svg#s' /></svg>", "document.querySelector('use').getBBox().width == 0"),
    (
        "<svg width=30 height=30><symbol id=t><rect width=21 height=2 /></symbol><use xlink:href='#t' /></svg><base href=/sub/>",
        "document.querySelector('use').getBBox().width == 21",
    ),
    ("<svg><style>rect { width: 19px }</style><rect height=1 /></svg>", "document.querySelector('rect').getBBox().width == 19"),
    ("<svg><style>@import 'rect.css';</style><rect height=1 /></svg>", "document.querySelector('rect').getBBox().width == 19"),
    ("<style>p { background: url(a.svg#s) }</style><p id=a>", "inPage(getComputedStyle(a).backgroundImage)"),
    // Sound and moving pictures.
    ("<audio src=2.wav></audio>", "document.querySelector('audio').duration == 2"),
    (
        "<audio><source src=none.ogg type=audio/ogg><source src=2.wav type=audio/wav></audio>",
        "document.querySelector('audio').duration == 2",
    ),
    ("<video src=2.wav></video>", "document.querySelector('video').duration == 2"),
    (
        "<video poster=7.bmp></video>",
        "document.querySelector('video').poster && document.querySelector('video').offsetWidth == 7",
    ),
    ("<video><track default src=a.vtt kind=subtitles></video>", "document.querySelector('video').textTracks[0].cues.length == 1"),
    // What servers and scripts say that is not to be believed.
    ("<img src=hostile.bmp>", "!window.ran"),
    ("<svg><use href=moved.svg#s /></svg>", "document.querySelector('use').getBBox().width == 17 && !window.ran"),
    (
        "<!DOCTYPE html></br><img src=none.bmp><p id=a>",
        "location.protocol == 'http:' || document.head.innerHTML.includes('default-src')",
    ),
    (
        "</body></html><img src=none.bmp><p id=a>",
        "location.protocol == 'http:' || document.head.innerHTML.includes('default-src')",
    ),
    ("<svg><script>if (location.protocol != 'http:') location = 'http://127.0.0.1:9/away'</script></svg><p id=a>here", HERE),
    (
        "<iframe src=\"javascript:if (top.location.protocol != 'http:') top.location = 'http://127.0.0.1:9/away'\"></iframe><p id=a>here",
        HERE,
    ),
    (
        "<iframe srcdoc=\"<script>if (top.location.protocol != 'http:') top.location = 'http://127.0.0.1:9/away'</script>\"></iframe><p id=a>here",
        HERE,
    ),
    ("<iframe src=leave.html></iframe><p id=a>here", HERE),
    (
        "<script>Event.prototype.preventDefault = () => 0; if (location.protocol != 'http:') location = 'http://127.0.0.1:9/away'</script><p id=a>here",
        HERE,
    ),
    ("<svg><svg><meta http-equiv=refresh content='600;url=http://127.0.0.1:9/away'><p id=a>here", HERE),
    ("<svg><use href=handlers.svg#s /></svg><p id=a>here", HERE),
    (
        "<iframe src='data:text/html,<meta http-equiv=refresh content=0;url=http://127.0.0.1:9/away><link rel=preconnect href=https://127.0.0.1:9/>'></iframe><p id=a>here",
        HERE,
    ),
    ("<object data=html.svg></object><p id=a>here", HERE),
    ("<svg/><link rel=stylesheet href=a.css><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<iframe src=none.html></iframe><iframe loading=lazy src={other}/none.html></iframe><p id=a>here", HERE),
    ("<link rel='stylesheet preconnect' href={other}/none.css><p id=a>here", HERE),
    // What the page says of itself.
    ("<base href=/sub/><link rel=stylesheet href=b.css><p id=a>", "getComputedStyle(a).width == '11px'"),
    ("<base href=/sub/><img src=7.bmp><base href=/none/>", "document.images[0].naturalWidth == 7"),
    ("<base target=x><base href=/sub/><img src=7.bmp>", "document.images[0].naturalWidth == 7"),
    ("<body background=7.bmp>", "inPage(getComputedStyle(document.body).backgroundImage)"),
    (
        "<table background=7.bmp><tr><td background=9.bmp>",
        "[...document.querySelectorAll('table, td')].every(e => inPage(getComputedStyle(e).backgroundImage))",
    ),
    ("<a href='#x'>here</a><p style='height: 5000px'><p id=x>", "(document.links[0].click(), scrollY > 100)"),
    ("<a href='page#x'>here</a>", "document.links[0].href.startsWith('http') && document.links[0].pathname == '/page'"),
    (
        "<meta http-equiv=Content-Security-Policy content=\"img-src 'self'; style-src 'self' 'unsafe-inline'; default-src 'self' 'unsafe-inline' 'unsafe-eval'\"><img src=7.bmp>",
        "document.images[0].naturalWidth == 7",
    ),
    (
        "<meta name=referrer content=no-referrer><meta http-equiv=x-dns-prefetch-control content=on><img src=7.bmp>",
        "document.images[0].naturalWidth == 7",
    ),
    (
        "<p><template><img src=7.bmp></template><script>document.body.append(document.querySelector('template').content)</script>",
        "document.images[0].naturalWidth == 7",
    ),
    ("<noscript><img src=none.bmp></noscript><p id=a>", "document.images.length == 0"),
    (
        "<!--[if IE]><img src=none.bmp><![endif]--><!--[if !IE]><!--><img src=7.bmp><!--<![endif]-->",
        "document.images.length == 1 && document.images[0].naturalWidth == 7",
    ),
    ("<![if !IE]><img src=7.bmp><![endif]>", "document.images[0].naturalWidth == 7"),
    (
        "<textarea><img src=none.bmp></textarea><title><img></title>",
        "document.querySelector('textarea').value == '<img src=none.bmp>'",
    ),
    ("<link rel=icon href=7.bmp><p id=a>", "inPage(document.querySelector('link').href)"),
    (
        "<title>t</title><head><meta charset=windows-1252><body><p id=a>&eacute;é",
        "document.characterSet == 'UTF-8' && document.getElementById('a').innerText == 'éé'",
    ),
];

/// Nothing leads away from the page.
const HERE: &str = "new Promise(r => setTimeout(r, 300)).then(() => document.getElementById('a').innerText == 'here')";

/// Pages that have to look the same, to the pixel.
const LOOKS: &[&str] = &[
    "<svg><use href='red.svg#s'/><use href='blue.svg#s' y=5 /><use href='chain.svg#s' y=10 /><rect class=c width=9 height=9 y=15 /></svg>",
    "<svg width=30 height=30><rect width=9 height=9 fill=red style='clip-path: url(clip.svg#c); filter: url(clip.svg#f)' /></svg>",
    "<style>p { width: 50px; height: 50px; background: red } #a { clip-path: url(clip.svg#c) } #b { filter: url(clip.svg#f) } #c { mask: url(a.svg) }</style><p id=a><p id=b><p id=c>",
    "<style>p { width: 50px; height: 50px; background: red; clip-path: url({other}/clip.svg#c) } div { height: 50px; background: red; mask: url({other}/a.svg) }</style><p><div></div>",
    "<style>img { padding: 3px 9px; border: 2px solid; background: #ff0 } .r { border-radius: 50%; width: 90px; height: 70px }</style>{img}{img}{img}<img class=r src=large.svg>{img}<picture><source srcset=9.bmp><img src=large.png></picture>",
    "<style>img { width: 100px; height: 30px; object-fit: contain }</style>{img}{img}{img}",
    "<style>p { border: 9px solid; border-image: url(7.bmp) 1; width: 50px } li { list-style: url(9.bmp) } h1 { background: url(7.bmp) no-repeat, url(9.bmp) }</style><p>p<li>l<h1>h</h1>",
    "<table background=7.bmp width=90 height=90><tr><td background=9.bmp>x</table>",
    "-<table><tr><td><img src=7.bmp></td></tr></table><p style='font-size:9'>quirks",
    "-<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Transitional//EN' 'http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd'><table border=1><tr><td><img src=7.bmp></td></tr></table>",
    "-<!DOCTYPE html><table border=1><tr><td><img src=7.bmp></td></tr></table>",
    "-<!-- first --><!DOCTYPE html><p style='width:9'>standards",
    "<iframe src=old.html></iframe><iframe src=inner.html></iframe>",
    "<iframe src=text.txt></iframe><iframe src=gbk.svg></iframe><object data=gbk.svg></object>",
    "<style>p { background: url(large.png) } b { background: url(large.png) }</style><p>x<b>y</b><iframe srcdoc='<style>p { background: url(large.png) }</style><p>z'></iframe>",
    "<iframe srcdoc='{img}{img}{img}{img}'></iframe>",
    "<style>p { background: url(large.png); background: url(large.png) no-repeat\\9; background: url(large.png), -moz-linear-gradient(red, blue) } a { cursor: url(large.png); cursor: pointer }</style><p>x<a>y",
    "<style>img.wp-smiley { background: none !important; height: 1em }</style><p>{img}{img}{img}{img}<img class=wp-smiley src=large.png>",
    "<svg><use href='type.svg#s'/><rect width=9 height=9 y=15 /></svg>",
    "<template shadowrootmode=open>x</template>{img}{img}{img}",
    "-<frameset cols=50%,50%><frame src=inner.html><frame src=old.html></frameset>",
];

/// Answers for pages by their number, and for assets.
fn answer(request: &Request, other: &str) -> Script {
    let number = |kind: &str| request.path().strip_prefix(kind).and_then(|number| number.parse::<usize>().ok());
    let html = match (number("/page-"), number("/look-")) {
        (Some(number), _) => TRAPS[number].0,
        (_, Some(number)) => LOOKS[number],
        _ => return asset(request),
    };
    let html = html.replace("{other}", other).replace("{img}", "<img src=large.png>");
    let html = html.strip_prefix('-').map_or(format!("<!DOCTYPE html>{html}"), str::to_owned);
    reply("200 OK", "Content-Type: text/html; charset=utf-8", html)
}

/// Waits until an expression is true in a page; what it is else.
fn until_true(browser: &mut Browser, tab: &crate::browser::Tab, expression: &str) -> Value {
    let script = format!(
        "(async () => {{ const inPage = u => location.protocol == 'http:' || /^(url\\(\"?)?data:/.test(u); let last; for (let i = 0; i < 60; i++) {{ try {{ last = await ({expression}) }} catch (e) {{ last = String(e) }} \
         if (last === true) return last; await new Promise(r => setTimeout(r, 50)) }} return last }})()"
    );
    browser.evaluate(tab, &script)
}

#[test]
fn what_a_browser_shows_is_in_the_file() {
    let Some(mut browser) = Browser::start() else { return };
    let other = Server::start(asset).expect("started");
    let origin = other.url("");
    let (server, place) = (Server::start(move |request| answer(request, &origin)).expect("started"), Place::new());
    let mut failed = Vec::new();
    for (number, (html, check)) in TRAPS.iter().enumerate() {
        let url = server.url(&format!("/page-{number}"));
        place.fetch(&["-q", "-p", &url, "-o", "page.html"]).succeeded();
        for kind in ["live", "saved"] {
            let tab = if kind == "live" { browser.open(&url) } else { browser.open_offline(&place.path("page.html")) };
            let value = until_true(&mut browser, &tab, check);
            if value != Value::Bool(true) {
                failed.push(format!("{kind}: {html}: {value}, not {check}"));
            }
            browser.close(&tab);
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), TRAPS.len(), failed.join("\n"));
    assert_eq!(browser.attempts(), (Vec::new(), 0));
}

#[test]
fn what_is_shown_looks_the_same() {
    let Some(mut browser) = Browser::start() else { return };
    let other = Server::start(asset).expect("started");
    let origin = other.url("");
    let (server, place) = (Server::start(move |request| answer(request, &origin)).expect("started"), Place::new());
    let mut failed = Vec::new();
    for (number, html) in LOOKS.iter().enumerate() {
        let url = server.url(&format!("/look-{number}"));
        place.fetch(&["-q", "-p", &url, "-o", "page.html"]).succeeded();
        let (live, saved) = (browser.open(&url), browser.open_offline(&place.path("page.html")));
        let (before, after) = (browser.still(&live), browser.still(&saved));
        let mode = "document.compatMode";
        if before != after || browser.evaluate(&live, mode) != browser.evaluate(&saved, mode) {
            failed.push(*html);
            browser.keep_pictures(&[(&live, "live"), (&saved, "saved")], &format!("look-{number}"));
        }
        [live, saved].iter().for_each(|tab| browser.close(tab));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(browser.attempts(), (Vec::new(), 0));
}

#[test]
fn an_image_that_is_in_the_file_once_is_shown_everywhere() {
    let Some(mut browser) = Browser::start() else { return };
    let server = Server::start(|request| match request.path() {
        "/page" => reply("200 OK", "Content-Type: text/html", "<!DOCTYPE html>".to_owned() + &"<img src=large.bmp>".repeat(500)),
        _ => reply("200 OK", "Content-Type: image/bmp", bmp(100, 100)),
    });
    let (server, place) = (server.expect("started"), Place::new());
    place.fetch(&["-q", "-p", &server.url("/page"), "-o", "page.html"]).succeeded();
    assert!(place.bytes("page.html").len() < 150_000);
    let tab = browser.open_offline(&place.path("page.html"));
    let shown = "document.images[499].naturalWidth == 100 && getComputedStyle(document.images[0]).content.length > 30000";
    assert_eq!(browser.evaluate(&tab, shown), Value::Bool(true));
}

#[test]
fn a_refresh_that_only_a_browser_finds_is_stopped() {
    let Some(mut browser) = Browser::start() else { return };
    let refresh = "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/away'>";
    let html = format!("<!DOCTYPE html><p id=a>here</p><template><col><noframes></template>{refresh}</noframes>");
    let server = Server::start(move |_| reply("200 OK", "Content-Type: text/html", &html)).expect("started");
    let place = Place::new();
    place.fetch(&["-q", "-p", &server.url("/"), "-o", "page.html", "--omit", "js"]).succeeded();
    assert!(place.read("page.html").contains(refresh));
    let tab = browser.open_offline(&place.path("page.html"));
    assert_eq!(until_true(&mut browser, &tab, HERE), Value::Bool(true));
    assert_eq!(browser.attempts(), (Vec::new(), 0));
}
