//! GraphQL over WebSocket: the protocol graphql-transport-ws.

use futures_util::{SinkExt, StreamExt};
use secure_payment::party::demo;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_socket_speaks_graphql_transport_ws,
    a_socket_is_closed_with_the_protocols_codes,
    a_client_that_says_farewell_is_answered,
);

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(app: &TestApp) -> Socket {
    let url = app.url("/graphql/ws").replace("http://", "ws://");
    let mut request = url.into_client_request().expect("a request");
    let protocol = "graphql-transport-ws".parse().expect("a header");
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    connect_async(request).await.expect("connects").0
}

async fn send(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.expect("sends");
}

async fn receive(socket: &mut Socket) -> Value {
    let message = socket.next().await.expect("a message").expect("a message");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

async fn close_code(socket: &mut Socket) -> u16 {
    match socket.next().await {
        Some(Ok(Message::Close(Some(frame)))) => frame.code.into(),
        other => panic!("{other:?}"),
    }
}

async fn a_socket_speaks_graphql_transport_ws(app: &TestApp) {
    let mut socket = connect(app).await;
    send(&mut socket, json!({ "type": "ping" })).await;
    assert_eq!(receive(&mut socket).await, json!({ "type": "pong" }));
    let token = format!("Bearer {}", demo::BUYER);
    send(&mut socket, json!({ "type": "connection_init", "payload": { "authorization": token } })).await;
    assert_eq!(receive(&mut socket).await, json!({ "type": "connection_ack" }));

    send(&mut socket, json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ __typename }" } })).await;
    let next = receive(&mut socket).await;
    assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("1")), "{next}");
    assert_eq!(next["payload"]["data"], json!({ "__typename": "Query" }));
    assert_eq!(receive(&mut socket).await, json!({ "type": "complete", "id": "1" }));

    let aliases: String = (0..51).map(|number| format!("a{number}: __typename ")).collect();
    let refused = [
        ("subscription { thereIsNoSuchField }".to_owned(), "INVALID_DOCUMENT"),
        ("{".to_owned(), "INVALID_DOCUMENT"),
        (format!("{{ {aliases} }}"), "QUERY_TOO_COMPLEX"),
    ];
    for (query, code) in refused {
        send(&mut socket, json!({ "type": "subscribe", "id": "1", "payload": { "query": query } })).await;
        let answer = receive(&mut socket).await;
        assert_eq!((&answer["type"], &answer["id"]), (&json!("error"), &json!("1")), "{answer}");
        assert_eq!(answer["payload"][0]["extensions"]["code"], code, "{answer}");
    }
}

async fn a_socket_is_closed_with_the_protocols_codes(app: &TestApp) {
    let init = json!({ "type": "connection_init" });
    let bad_init = json!({ "type": "connection_init", "payload": { "Authorization": "Bearer unknown" } });
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ __typename }" } });
    for (messages, number) in [
        (vec![bad_init], 4403),
        (vec![subscribe], 4401),
        (vec![init.clone(), init], 4429),
        (vec![json!({ "type": "unheard-of" })], 4400),
    ] {
        let mut socket = connect(app).await;
        let acknowledged = messages.len() - 1;
        for message in messages {
            send(&mut socket, message).await;
        }
        for _message in 0..acknowledged {
            assert_eq!(receive(&mut socket).await["type"], "connection_ack");
        }
        assert_eq!(close_code(&mut socket).await, number);
        assert!(socket.next().await.is_none(), "and the connection ends well");
    }

    let plain = app.http().get(app.url("/graphql/ws")).send().await.expect("an answer");
    assert_eq!(plain.status(), 400);
    let url = app.url("/graphql/ws").replace("http://", "ws://");
    match connect_async(url).await {
        Err(SocketError::Http(answer)) => assert_eq!(answer.status(), 400),
        other => panic!("a socket without the subprotocol: {other:?}"),
    }
}

async fn a_client_that_says_farewell_is_answered(app: &TestApp) {
    for introduces_itself in [false, true] {
        let mut socket = connect(app).await;
        if introduces_itself {
            send(&mut socket, json!({ "type": "connection_init" })).await;
            assert_eq!(receive(&mut socket).await["type"], "connection_ack");
        }
        let farewell = CloseFrame { code: 1000.into(), reason: "".into() };
        socket.send(Message::Close(Some(farewell))).await.expect("sends");
        assert_eq!(close_code(&mut socket).await, 1000);
        assert!(socket.next().await.is_none(), "and the connection ends well");
    }
}
